import { pause } from '../call.ts'
import type { Call } from '../provider.ts'
import type { OpenNebulaApi } from './api.ts'
import type { OneVm } from './api-vms.ts'
import { PACE } from './states.ts'

/** So many VMs are asked for at once: some MiB in an answer. */
const PAGE_ROWS = 1000
/** So many of them were on the page before: where none is, rows have moved up, for some that were before them are deleted. */
const SHARED_ROWS = 50

/** A VM of ours that was deleted meanwhile is among the newest. */
const RECENT_ROWS = 500
const ANY_STATE = -2

/**
 * All VMs of the account that are not deleted, in short, however many they are. OpenNebula counts rows anew for each page, so pages
 * lap over: none is lost where VMs are made or deleted meanwhile.
 */
export async function listVms(api: OpenNebulaApi, call: Call, name: string): Promise<readonly OneVm[]> {
  const found = new Map<number, OneVm>()
  let from = 0
  for (;;) {
    const rows = await api.vms({ range: [from, -PAGE_ROWS] }, call)
    if (from === 0 || rows.some(({ id }) => found.has(id))) {
      for (const vm of rows) found.set(vm.id, vm)
      if (rows.length < PAGE_ROWS) return [...found.values()]
      from += PAGE_ROWS - SHARED_ROWS
    } else {
      await pause(PACE.firstPauseMs, call, `${name}: list of VMs`)
      from = Math.max(0, from - PAGE_ROWS + SHARED_ROWS)
    }
  }
}

/** The newest VMs of the account, those that are deleted too. */
export function recentVms(api: OpenNebulaApi, call: Call): Promise<readonly OneVm[]> {
  return api.vms({ state: ANY_STATE, range: [0, -RECENT_ROWS] }, call)
}
