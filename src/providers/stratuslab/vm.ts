import type { NetworkConfig } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import { I4_MAX } from '../../wire/xmlrpc-render.ts'
import type { Attached, RemoteInstance } from '../provider.ts'
import { toInteger, type LabVm } from './api-bodies.ts'
import { stateOf } from './states.ts'

/** The attribute of a VM that holds our id. */
export const OUR_ID = 'BELLHOP_ID'
/** The part of a card that holds the id of our link to it. */
export const OUR_LINK = 'BELLHOP_LINK'

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

/** The cards that bear links of ours. */
export function attachedTo({ nics }: Pick<LabVm, 'nics'>): readonly Attached[] {
  return nics.flatMap((nic) => {
    const { [OUR_LINK]: linkId, MAC: mac, IP: address } = nic
    if (!linkId) return []
    return [{ linkId, ...(mac ? { mac: mac.toLowerCase() } : {}), ...(address ? { address } : {}) }]
  })
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

/** OpenNebula's number of a thing; `undefined` for what can be none. */
export function toLabId(remoteId: string): number | undefined {
  const id = toInteger(remoteId)
  return id !== undefined && id >= 0 && id <= I4_MAX ? id : undefined
}

/** @throws {CloudError} not-found for what can be no VM of OpenNebula's */
export function vmIdOf(remoteId: string): number {
  const id = toLabId(remoteId)
  if (id !== undefined) return id
  throw new CloudError('not-found', `there is no VM ${remoteId.slice(0, 50)}`)
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
