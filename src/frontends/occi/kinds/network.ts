import { CloudError } from '../../../model/errors.ts'
import type { Network, NetworkAction, NetworkState } from '../../../model/network.ts'
import type { Service } from '../../../service/service.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { toReference } from '../catalogue.ts'
import { IP_NETWORK, NETWORK, NETWORK_ACTIONS, providerMixin, type Definition } from '../categories.ts'
import type { CheckedEntity } from '../check.ts'
import type { EntityKind } from '../entity-kind.ts'
import { toPlainText, type Representation, type Value } from '../representation.ts'
import { actionLinks } from './action-links.ts'
import { idsIn, idsLabel, LABELS, tagsOf } from './labels.ts'
import { namingAttributes, textOf, toNaming, toRenaming } from './naming.ts'
import { providerOf, requireSame } from './resource-mixins.ts'

/** OCCI has no word for what is on its way: it is `inactive`, and the message says why. */
const STATES: Readonly<Record<NetworkState, readonly [state: 'active' | 'inactive' | 'error', message?: string]>> = {
  creating: ['inactive', 'it is being made'],
  active: ['active'],
  inactive: ['inactive'],
  deleting: ['inactive', 'it is being deleted'],
  error: ['error'],
  unknown: ['inactive', 'its cloud does not tell its state'],
}

const ACTIONS = { active: ['down'], inactive: ['up'], error: ['up', 'down'] } as const satisfies Record<
  string,
  readonly NetworkAction[]
>

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
  return {
    kind: NETWORK,
    list: (caller) => networks.list(caller),
    get: (id, caller) => networks.get(id, caller),
    async prepare({ checked, ...choice }, { caller }) {
      const spec = toSpec(checked)
      const provider = providerOf(checked)
      return async () => ({
        entity: await networks.create({ ...choice, spec, ...(provider === undefined ? {} : { provider }) }, caller),
        warnings: checked.warnings,
      })
    },
    async update(network, checked, isWhole, { caller }) {
      requireSame(SETTINGS, checked, new Map(networkAttributes(network)), `network ${network.id}`)
      const change = toRenaming(checked, network.spec.labels, isWhole)
      return { entity: await networks.rename(network.id, change, caller), warnings: checked.warnings }
    },
    tag: ({ id }, mixins, { caller }) => networks.rename(id, { labels: idsLabel(LABELS.tags, mixins) }, caller),
    delete: (id, { caller }) => networks.delete(id, caller),
    isForAll: ({ owner }) => owner === undefined,
    allows: ({ state }, action) => ACTIONS[STATES[state][0]].some((term) => NETWORK_ACTIONS[term] === action),
    state: ({ state }) => STATES[state][0],
    target: (action) => (action === NETWORK_ACTIONS.up ? 'active' : 'inactive'),
    act: async ({ id }, action, _attributes, { caller }) => ({
      entity: await networks.act(id, action.term as NetworkAction, caller),
    }),
    definitions: networkDefinitions,
    tags: ({ spec }) => idsIn(spec.labels, LABELS.tags),
    async represent(all, exchange) {
      const usersMixins = await exchange.usersMixins()
      return all.map((network) => fromNetwork(network, usersMixins))
    },
  }
}

function networkDefinitions({ provider, spec }: Network, usersMixins: readonly Definition[]): readonly Definition[] {
  const isIp = spec.cidr !== undefined || spec.gateway !== undefined || spec.allocation !== undefined
  return [NETWORK, ...(isIp ? [IP_NETWORK] : []), providerMixin(provider), ...tagsOf(spec.labels, usersMixins)]
}

function fromNetwork(network: Network, usersMixins: readonly Definition[]): Representation {
  const { id, state, owner } = network
  // What is for all is nobody's to bring up or down.
  const actions = owner ? ACTIONS[STATES[state][0]].map((term) => NETWORK_ACTIONS[term]) : []
  return {
    categories: networkDefinitions(network, usersMixins).map(toReference),
    links: actionLinks(NETWORK, id, actions),
    attributes: new Map(networkAttributes(network)),
    locations: [],
  }
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
