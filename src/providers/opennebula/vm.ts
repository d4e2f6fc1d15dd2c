import { attachedTo } from '../one-cards.ts'
import { OUR_ID } from '../one-vms.ts'
import type { RemoteInstance } from '../provider.ts'
import type { OneVm } from './api-vms.ts'
import { stateOf } from './states.ts'
import { networkOf } from './vm-network.ts'

const MAX_REASON_CHARACTERS = 300

/** The label by which a VM is found in a list, which shows no attributes of ours. */
export function labelFor(ourId: string): string {
  return `bellhop-${ourId}`
}

/** Our id, from its attribute, which only a whole body shows, or from a label. */
export function ourIdOf({ userTemplate: { single } }: Pick<OneVm, 'userTemplate'>): string | undefined {
  const own = single[OUR_ID]
  if (own !== undefined && own !== '') return own
  return /(?:^|,)\s*bellhop-([0-9a-f-]{36})\s*(?:,|$)/.exec(single['LABELS'] ?? '')?.[1]
}

/** A VM as the rest of Bellhop sees it; of a short body less is known. */
export function toRemoteInstance(vm: OneVm): RemoteInstance {
  const ourId = ourIdOf(vm)
  const state = stateOf(vm)
  const error = state === 'error' ? vm.userTemplate.single['ERROR']?.trim().slice(0, MAX_REASON_CHARACTERS) : undefined
  const network = networkOf(vm)
  return {
    remoteId: String(vm.id),
    ...(ourId === undefined ? {} : { ourId }),
    state,
    ...(error === undefined || error === '' ? {} : { reason: error }),
    facts: { name: vm.name },
    ...(network ? { network } : {}),
    attached: attachedTo(vm),
  }
}
