import type { InstanceState, Size } from '../../model/instance.ts'

/** A size that the provider offers; `id` becomes part of its name. */
export interface SizeOption {
  readonly id: string
  readonly cores: number
  readonly memoryMiB: number
  /** The disk grows to this; an image that is larger stays as it is. */
  readonly diskGiB?: number
}

/** The sizes of a provider that was told none. */
export const SIZES: readonly SizeOption[] = [
  { id: 'tiny', cores: 1, memoryMiB: 256 },
  { id: 'small', cores: 1, memoryMiB: 1024, diskGiB: 10 },
  { id: 'medium', cores: 2, memoryMiB: 2048, diskGiB: 20 },
  { id: 'large', cores: 4, memoryMiB: 4096, diskGiB: 40 },
]

export function toSize(provider: string, option: SizeOption): Size {
  const { id, cores, memoryMiB, diskGiB } = option
  return {
    name: `${provider}-${toSlug(id)}`,
    provider,
    remoteId: id,
    title: id,
    cores,
    memoryMiB,
    ...(diskGiB === undefined ? {} : { diskGiB }),
  }
}

/** `Debian 12.qcow2` as part of a name: `debian-12-qcow2`. */
export function toSlug(text: string): string {
  const slug = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return slug.replaceAll(/^-+|-+$/g, '') || 'unnamed'
}

const STATES: ReadonlyMap<string, InstanceState> = new Map([
  ['prelaunch', 'creating'],
  ['inmigrate', 'creating'],
  ['running', 'active'],
  ['paused', 'suspended'],
  ['suspended', 'suspended'],
  ['save-vm', 'suspended'],
  ['restore-vm', 'suspended'],
  ['shutdown', 'inactive'],
  ['guest-panicked', 'error'],
  ['internal-error', 'error'],
  ['io-error', 'error'],
  ['watchdog', 'error'],
])

/**
 * What QMP's `query-status` says, in our words; the `reason` is QEMU's own word where that matters.
 *
 * @see https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html (RunState)
 */
export function fromStatus(answer: unknown): { readonly state: InstanceState; readonly reason?: string } {
  const status = typeof answer === 'object' && answer !== null && 'status' in answer ? String(answer.status) : ''
  const state = STATES.get(status) ?? 'unknown'
  return state === 'error' || state === 'unknown' ? { state, reason: `QEMU's status is "${status}"` } : { state }
}
