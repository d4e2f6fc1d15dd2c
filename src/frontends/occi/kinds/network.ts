import { CloudError } from '../../../model/errors.ts'
import type { Network, NetworkAction, NetworkState } from '../../../model/network.ts'
import type { Service } from '../../../service/service.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { IP_NETWORK, NETWORK, NETWORK_ACTIONS } from '../categories.ts'
import type { CheckedEntity } from '../check.ts'
import type { EntityKind } from '../entity-kind.ts'
import { toPlainText, type Value } from '../representation.ts'
import { namingAttributes, textOf, toNaming } from './naming.ts'
import { placedKind } from './placed.ts'

/** OCCI has no word for what is on its way: it is `inactive`, and the message says why. */
const STATES: Readonly<Record<NetworkState, readonly [state: 'active' | 'inactive' | 'error', message?: string]>> = {
  creating: ['inactive', 'it is being made'],
  active: ['active'],
  inactive: ['inactive'],
  deleting: ['inactive', 'it is being deleted'],
  error: ['error'],
  unknown: ['inactive', 'its cloud does not tell its state'],
}

/** What a network's client can say of it, besides its name. */
const SETTINGS = [
  ATTRIBUTES.vlan,
  ATTRIBUTES.label,
  ATTRIBUTES.networkAddress,
  ATTRIBUTES.networkGateway,
  ATTRIBUTES.networkAllocation,
] as const

/** Our networks. */
export function networkKind({ networks }: Pick<Service, 'networks'>): EntityKind<Network> {
  const { up, down } = NETWORK_ACTIONS
  return placedKind<Network>(networks, {
    kind: NETWORK,
    stateOf: ({ state }) => STATES[state][0],
    actions: { active: [down], inactive: [up], error: [up, down] },
    toSpec,
    attributes: networkAttributes,
    mixins: ({ spec }) =>
      spec.cidr !== undefined || spec.gateway !== undefined || spec.allocation !== undefined ? [IP_NETWORK] : [],
    settings: SETTINGS,
    isForAll: ({ owner }) => owner === undefined,
    target: (action) => (action === up ? 'active' : 'inactive'),
    act: async ({ id }, action, _attributes, { caller }) => ({
      entity: await networks.act(id, action.term as NetworkAction, caller),
    }),
  })
}

function* networkAttributes({ id, spec, state, reason }: Network): Iterable<[string, Value]> {
  const [occi, message = reason] = STATES[state]
  yield [ATTRIBUTES.id.name, id]
  yield* namingAttributes(spec.name, spec.labels)
  if (spec.vlan !== undefined) yield [ATTRIBUTES.vlan.name, spec.vlan]
  if (spec.label !== undefined) yield [ATTRIBUTES.label.name, spec.label]
  if (message !== undefined) yield [ATTRIBUTES.networkStateMessage.name, toPlainText(message)]
  yield [ATTRIBUTES.networkState.name, occi]
  if (spec.cidr !== undefined) yield [ATTRIBUTES.networkAddress.name, spec.cidr]
  if (spec.gateway !== undefined) yield [ATTRIBUTES.networkGateway.name, spec.gateway]
  if (spec.allocation !== undefined) yield [ATTRIBUTES.networkAllocation.name, spec.allocation]
}

function toSpec(checked: CheckedEntity): Network['spec'] {
  const vlan = checked.attributes.get(ATTRIBUTES.vlan.name)
  if (vlan !== undefined && Number(vlan) > 4095)
    throw new CloudError('invalid', `${ATTRIBUTES.vlan.name} is ${vlan}; it can be 0 to 4095`)
  const [label, cidr, gateway, allocation] = [
    textOf(checked, ATTRIBUTES.label),
    textOf(checked, ATTRIBUTES.networkAddress),
    textOf(checked, ATTRIBUTES.networkGateway),
    textOf(checked, ATTRIBUTES.networkAllocation),
  ]
  return {
    ...toNaming(checked),
    ...(vlan === undefined ? {} : { vlan: Number(vlan) }),
    ...(label === undefined ? {} : { label }),
    ...(cidr === undefined ? {} : { cidr }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(allocation === 'dynamic' || allocation === 'static' ? { allocation } : {}),
  }
}
