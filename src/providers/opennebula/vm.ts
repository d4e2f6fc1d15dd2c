import { CloudError } from '../../model/errors.ts'
import type { Attached, RemoteInstance } from '../provider.ts'
import { toInteger, type OneRecord } from './api-attributes.ts'
import type { OneVm } from './api-vms.ts'
import { stateOf } from './states.ts'
import { networkOf } from './vm-network.ts'

/** The attribute of a VM that holds our id. Only a whole body shows it. */
export const OUR_ID = 'BELLHOP_ID'
/** The part of a card that holds the id of our link to it. */
export const OUR_LINK = 'BELLHOP_LINK'

const I4_MAX = 2 ** 31 - 1
const MAX_REASON_CHARACTERS = 300

/** The label by which a VM is found in a list, which shows no attributes of ours. */
export function labelFor(ourId: string): string {
  return `bellhop-${ourId}`
}

/** Our id, from its attribute, or from a label where only a short body is there. */
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

/** The cards that bear links of ours. */
export function attachedTo({ nics }: Pick<OneVm, 'nics'>): readonly Attached[] {
  return nics.flatMap((nic) => {
    const linkId = nic[OUR_LINK]
    return linkId === undefined ? [] : [toAttached(linkId, nic)]
  })
}

function toAttached(linkId: string, nic: OneRecord): Attached {
  const { MAC: mac, GATEWAY: gateway } = nic
  const address = nic['IP'] ?? nic['IP6'] ?? nic['IP6_GLOBAL']
  return {
    linkId,
    ...(mac === undefined ? {} : { mac: mac.toLowerCase() }),
    ...(address ? { address } : {}),
    ...(gateway ? { gateway } : {}),
  }
}

/** OpenNebula's number of a thing; `undefined` for what can be none. */
export function toOneId(remoteId: string): number | undefined {
  const id = toInteger(remoteId)
  return id !== undefined && id >= 0 && id <= I4_MAX ? id : undefined
}

/** @throws {CloudError} not-found for what can be no VM of OpenNebula's */
export function vmIdOf(remoteId: string): number {
  const id = toOneId(remoteId)
  if (id !== undefined) return id
  throw new CloudError('not-found', `there is no VM ${remoteId.slice(0, 50)}`)
}
