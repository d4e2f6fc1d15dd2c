import { CloudError } from '../../model/errors.ts'
import type { SizeOption } from '../site-sizes.ts'

/** A size of the site's, and what StratusLab gives for it. */
export interface LabSizeOption extends SizeOption {
  /** A disk for swapping beside the image (default: none). */
  readonly swapMiB?: number
}

/** What StratusLab's client has where nobody says otherwise. */
const USUAL: readonly LabSizeOption[] = [
  { id: 'm1.small', cores: 1, memoryMiB: 1536, swapMiB: 1536 },
  { id: 't1.micro', cores: 1, memoryMiB: 512, swapMiB: 512 },
  { id: 'm1.medium', cores: 1, memoryMiB: 3072, swapMiB: 3072 },
  { id: 'm1.large', cores: 2, memoryMiB: 6144, swapMiB: 6144 },
  { id: 'm1.xlarge', cores: 4, memoryMiB: 8192, swapMiB: 8192 },
  { id: 'c1.medium', cores: 2, memoryMiB: 1536, swapMiB: 1536 },
  { id: 'c1.xlarge', cores: 4, memoryMiB: 6144, swapMiB: 6144 },
]

/**
 * The sizes of a user file, or the usual ones; the default one first.
 *
 * @param types names, and `cpu, ram in MiB, swap in MiB`
 * @throws {CloudError} invalid naming the type that is none, or the default that is not among them
 */
export function toSizeOptions(
  types: readonly (readonly [name: string, text: string])[],
  first: string | undefined,
): readonly LabSizeOption[] {
  // The client adds those of the file to its own.
  const all = new Map([...USUAL, ...types.map(toSizeOption)].map((each) => [each.id, each]))
  if (first === undefined) return [...all.values()]
  const chosen = all.get(first)
  if (!chosen) throw new CloudError('invalid', `default_instance_type: there is no ${first} among the sizes`)
  return [chosen, ...[...all.values()].filter(({ id }) => id !== first)]
}

function toSizeOption([id, text]: readonly [name: string, text: string]): LabSizeOption {
  const [, cpu, ram, swap] = /^\(?\s*(\d{1,4})\s*,\s*(\d{1,8})\s*,\s*(\d{1,8})\s*\)?$/.exec(text) ?? []
  const [cores, memoryMiB, swapMiB] = [Number(cpu ?? 0), Number(ram ?? 0), Number(swap ?? 0)]
  if (!/^[A-Za-z0-9][\w.-]*$/.test(id) || cores < 1 || memoryMiB < 1)
    throw new CloudError(
      'invalid',
      `[instance_types]: ${id.slice(0, 50)} is no size; write it like m1.small = 1, 1536, 1536`,
    )
  return { id, cores, memoryMiB, swapMiB }
}
