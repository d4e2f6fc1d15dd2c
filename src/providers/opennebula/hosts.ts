import { CloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneHost } from './api-pools.ts'
import type { Taken } from './sizes.ts'

/** The hosts that the account may see; none where it may see none, or nobody knows. */
export type KnownHosts = (call: Call) => Promise<readonly OneHost[]>

// What hosts have changes when somebody builds. All their bodies together are long.
const KEPT_MS = 60_000

/** Asks for hosts, once a minute at most, however many want to know. It never fails: what depends on it can do without. */
export function knownHosts(api: Pick<OpenNebulaApi, 'hosts'>, now: () => number = Date.now): KnownHosts {
  let known: { readonly hosts: Promise<readonly OneHost[]>; readonly until: number } | undefined
  return async (call) => {
    if (!known || now() >= known.until) known = { hosts: api.hosts(call).catch(() => []), until: now() + KEPT_MS }
    return await known.hosts
  }
}

/** DISABLED, in both forms, and OFFLINE: by its administrators. One in ERROR may be back in a minute. */
const OUT_OF_USE: ReadonlySet<number> = new Set([4, 7, 8])
/** INIT, in both forms: nobody knows yet what it has. */
const NOT_MEASURED: ReadonlySet<number> = new Set([0, 6])

/**
 * Refuses what would wait for ever: OpenNebula takes a VM that fits no host, and leaves it pending.
 *
 * @param what the size, for people
 * @throws {CloudError} conflict where none of the hosts could hold it, were it empty, naming what is asked and the largest
 * @see OpenNebula, Overcommitment
 */
export function checkHosts(hosts: readonly OneHost[], taken: Taken, what: string): void {
  const { cpuPercent, memoryMiB } = taken
  const used = hosts.filter(({ state }) => !OUT_OF_USE.has(state))
  if (used.some(({ state }) => NOT_MEASURED.has(state))) return
  const withCpu = used.filter((host) => host.cpuPercent >= cpuPercent)
  const [largest] =
    withCpu.length > 0
      ? withCpu.toSorted((a, b) => b.memoryKiB - a.memoryKiB)
      : used.toSorted((a, b) => b.cpuPercent - a.cpuPercent)
  if (!largest || (withCpu.includes(largest) && largest.memoryKiB >= memoryMiB * 1024)) return
  const has = { cpuPercent: largest.cpuPercent, memoryMiB: Math.floor(largest.memoryKiB / 1024) }
  throw new CloudError(
    'conflict',
    `${what} takes ${toText(taken)}; the largest host for it, ${largest.name}, has ${toText(has)} in all; choose a smaller size`,
  )
}

function toText({ cpuPercent, memoryMiB }: Taken): string {
  return `${cpuPercent / 100} cores and ${memoryMiB} MiB`
}
