import type { NetworkConfig } from '../../model/context.ts'
import { attachedTo } from '../one-cards.ts'
import { OUR_ID } from '../one-vms.ts'
import type { RemoteInstance } from '../provider.ts'
import type { LabVm } from './api-bodies.ts'
import { stateOf } from './states.ts'

const MAX_REASON_CHARACTERS = 300

/** A VM as the rest of Bellhop sees it. */
export function toRemoteInstance(vm: LabVm): RemoteInstance {
  const ourId = ourIdOf(vm)
  const state = stateOf(vm)
  const error = state === 'error' ? vm.template['ERROR']?.trim().slice(0, MAX_REASON_CHARACTERS) : undefined
  const network = networkOf(vm)
  return {
    remoteId: String(vm.id),
    ...(ourId === undefined ? {} : { ourId }),
    state,
    ...(error ? { reason: error } : {}),
    facts: { name: vm.name },
    ...(network ? { network } : {}),
    attached: attachedTo(vm),
  }
}

/** Our id, where it is one of ours. */
export function ourIdOf({ template }: Pick<LabVm, 'template'>): string | undefined {
  return template[OUR_ID] || undefined
}

/** Nothing on the disk tells the guest of its cards, so it has to ask for its addresses. */
function networkOf({ id, nics }: LabVm): NetworkConfig | undefined {
  const cards = nics.filter(({ MAC: mac }) => mac)
  if (cards.length === 0) return undefined
  return {
    nics: cards.map(({ MAC: mac = '', IP: address }, index) => ({
      id: `one-${id}-${index}`,
      mac: mac.toLowerCase(),
      addresses: address ? [{ address, assignment: 'dhcp' as const }] : [],
    })),
  }
}

const NAME_MAX_CHARACTERS = 128

/** A title as a VM's name can be: what may not stand in a template becomes `-`. */
export function toVmName(title: string, ourId: string): string {
  const name = title
    .replaceAll(/[^A-Za-z0-9+=._@ -]+/g, '-')
    .slice(0, NAME_MAX_CHARACTERS)
    .trim()
  return /[A-Za-z0-9]/.test(name) ? name : `bellhop-${ourId.slice(0, 8)}`
}
