import type { NetworkConfig, Nic, NicAddress } from '../../model/context.ts'
import { prefixLengthOf } from '../../layouts/netmask.ts'
import { toInteger, type OneRecord } from '../one-xml.ts'
import type { OneVm } from './api-vms.ts'

/**
 * A VM's network cards, as its guest is told of them; `undefined` where it has none, or they are not known yet. Aliases are
 * further addresses of their card.
 *
 * @see OpenNebula, Template reference: Network section; the keys `ETHn_…` of a CONTEXT
 */
export function networkOf(vm: Pick<OneVm, 'id' | 'nics' | 'nicAliases' | 'context'>): NetworkConfig | undefined {
  const cards = vm.nics.filter((nic) => nic['MAC'] !== undefined && nic['MAC'] !== '')
  if (cards.length === 0) return undefined
  return { nics: cards.map((card) => toNic(vm, card)) }
}

function toNic({ id, nicAliases, context = {} }: Pick<OneVm, 'id' | 'nicAliases' | 'context'>, card: OneRecord): Nic {
  const nicId = card['NIC_ID'] ?? ''
  const told = `ETH${nicId}_`
  const mtu = toInteger(context[`${told}MTU`])
  const aliases = nicAliases.filter((alias) => alias['PARENT_ID'] === nicId)
  return {
    id: `one-${id}-${nicId}`,
    mac: (card['MAC'] ?? '').toLowerCase(),
    ...(mtu === undefined || mtu <= 0 ? {} : { mtu }),
    addresses: [
      ...addressesOf(card, context, told),
      ...aliases.flatMap((alias) => addressesOf(alias, context, `${told}ALIAS${alias['ALIAS_ID'] ?? ''}_`)),
    ],
  }
}

/** @param told what the keys of the CONTEXT begin with that tell the guest of it */
function addressesOf(card: OneRecord, context: OneRecord, told: string): readonly NicAddress[] {
  const say = (key: string): string => context[`${told}${key}`] ?? ''
  const networkId = card['NETWORK_ID']
  const nameServers = say('DNS')
    .split(/\s+/)
    .filter((each) => each !== '')
  const common = {
    ...(networkId === undefined ? {} : { networkId }),
    ...(nameServers.length > 0 ? { nameServers } : {}),
  }
  const toAddress = (
    address: string,
    prefixLength: number | undefined,
    gateway: string | undefined,
    method: string,
  ): NicAddress => ({
    address,
    ...(prefixLength === undefined ? {} : { prefixLength }),
    ...(gateway ? { gateway } : {}),
    assignment: assignmentOf(method),
    ...common,
  })
  const texts = (names: readonly string[]) => new Set(names.flatMap((name) => card[name] || []))
  const gateway = say('GATEWAY') || card['GATEWAY']
  const gateway6 = say('IP6_GATEWAY') || card['GATEWAY6']
  const prefixLength6 = toInteger(say('IP6_PREFIX_LENGTH')) ?? USUAL_PREFIX_LENGTH
  return [
    ...[...texts(['IP'])].map((ip) => toAddress(ip, prefixLengthOf(say('MASK')), gateway, say('METHOD'))),
    ...[...texts(['IP6', 'IP6_GLOBAL', 'IP6_ULA'])].map((ip) =>
      toAddress(ip, prefixLength6, gateway6, say('IP6_METHOD')),
    ),
  ]
}

// What guests take where nobody says.
const USUAL_PREFIX_LENGTH = 64

/** Guests are told their addresses unless the network says otherwise. */
function assignmentOf(method: string): NicAddress['assignment'] {
  if (method === 'dhcp') return 'dhcp'
  return method === 'auto' ? 'slaac' : 'static'
}
