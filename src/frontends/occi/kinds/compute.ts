import { Buffer } from 'node:buffer'
import { CloudError } from '../../../model/errors.ts'
import type { Instance } from '../../../model/instance.ts'
import type { Link as ModelLink } from '../../../model/link.ts'
import type { Service } from '../../../service/service.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { toCategory } from '../catalogue.ts'
import { COMPUTE, COMPUTE_ACTIONS, osTemplate, type Definition } from '../categories.ts'
import type { CheckedEntity } from '../check.ts'
import type { EntityKind } from '../entity-kind.ts'
import type { Exchange } from '../exchange.ts'
import {
  allows,
  computeDefinitions,
  encodingOf,
  fromInstance,
  newHostname,
  occiStateOf,
  templatesOf,
  toAction,
  toSpec,
  wishesForSize,
  type Shown,
  type StateAction,
} from './compute-map.ts'
import { idsIn, idsLabel, LABELS } from './labels.ts'
import { fromInlineLink, isSameTarget } from './link-map.ts'
import { toRenaming } from './naming.ts'
import { toKeys, toUserData, type UserDataEncoding } from './user-data.ts'

const TARGETS: ReadonlyMap<Definition, string> = new Map<Definition, string>([
  [COMPUTE_ACTIONS.start, 'active'],
  [COMPUTE_ACTIONS.stop, 'inactive'],
  [COMPUTE_ACTIONS.suspend, 'suspended'],
])

/** How this endpoint treats user data. */
export interface UserDataRules {
  /** How `occi.compute.userdata` is written where a request does not say. */
  readonly encoding: UserDataEncoding
  /** Whether the bytes are shown to their project. */
  readonly isShown: boolean
}

/** Our instances. */
export function computeKind(service: Service, rules: UserDataRules): EntityKind<Instance> {
  /** @throws {CloudError} conflict when an update would tell the guest something else than it was told */
  function requireSameContext(instance: Instance, checked: CheckedEntity): void {
    const { spec } = instance
    const { userData } = toUserData(checked, encodingOf(instance, rules.encoding))
    if (userData && !(spec.userData && Buffer.from(userData).equals(spec.userData)))
      throw new CloudError(
        'conflict',
        `user data of ${instance.id} are given once, when it is made; make another compute`,
      )
    const strange = toKeys(checked).find((key) => !spec.publicKeys.some(({ text }) => text === key.text))
    if (strange) throw new CloudError('conflict', `keys of ${instance.id} are given once, when it is made`)
    const { image, size } = templatesOf(checked.mixins)
    if (image && image.name !== instance.image.name)
      throw new CloudError(
        'unsupported',
        `${image.name}: ${instance.provider} cannot rebuild a compute from another image`,
      )
    if (size && size.name !== instance.size.name)
      throw new CloudError('unsupported', `${size.name}: ${instance.provider} cannot change the size of a compute`)
  }

  /** Links that a client sends and that are not there yet. */
  async function addLinks(instance: Instance, checked: CheckedEntity, { catalogue, caller }: Exchange): Promise<void> {
    if (checked.links.length === 0) return
    const known = await catalogue()
    const specs = checked.links.map((link) => fromInlineLink(link, known).spec)
    const before = await service.links.ofInstance(instance.id, caller)
    for (const spec of specs)
      if (!before.some((link) => isSameTarget(link, spec)))
        await service.links.create({ instanceId: instance.id, spec }, caller)
  }

  async function shownWith(instances: readonly Instance[], exchange: Exchange): Promise<(id: string) => Shown> {
    const { caller, codec } = exchange
    const usersMixins = instances.some(({ spec }) => spec.labels[LABELS.tags]) ? await exchange.usersMixins() : []
    const userData =
      rules.isShown && !codec.inHeaders
        ? { userData: { standing: rules.encoding, multiline: codec.multiline === true } }
        : {}
    const [first, ...more] = instances
    if (first && more.length === 0) {
      const [links, events] = await Promise.all([
        service.links.ofInstance(first.id, caller),
        service.events(first.id, caller),
      ])
      return () => ({ links, events, usersMixins, ...userData })
    }
    const [links, events] = await Promise.all([service.links.list(caller), service.projectEvents(caller)])
    const byInstance = Map.groupBy<string, ModelLink>(links, ({ instanceId }) => instanceId)
    return (id) => ({ links: byInstance.get(id) ?? [], events: events.get(id) ?? [], usersMixins, ...userData })
  }

  return {
    kind: COMPUTE,
    list: (caller) => service.list(caller),
    get: (id, caller) => service.get(id, caller),
    async prepare({ checked, id, idempotencyKey, isAlone }, { caller, catalogue }) {
      const known = checked.links.length === 0 ? undefined : await catalogue()
      const links = known ? checked.links.map((link) => fromInlineLink(link, known)) : []
      const { spec, warnings } = toSpec(
        checked,
        links.map((link) => link.spec),
        rules.encoding,
      )
      if (!isAlone) await service.plan(spec, caller)
      return async () => ({
        entity: await service.create(
          { spec, ...(id === undefined ? {} : { id }), ...(idempotencyKey === undefined ? {} : { idempotencyKey }) },
          caller,
        ),
        warnings: [...warnings, ...links.flatMap((link) => link.checked.warnings)],
      })
    },
    async update(instance, checked, isWhole, exchange) {
      requireSameContext(instance, checked)
      await addLinks(instance, checked, exchange)
      const { labels, ...change } = toRenaming(checked, instance.spec.labels, isWhole)
      const host = newHostname(checked, instance)
      const entity = await service.rename(
        instance.id,
        { ...change, ...host.change, labels: { ...labels, ...host.labels } },
        exchange.caller,
      )
      return { entity, warnings: [...checked.warnings, ...wishesForSize(checked, instance), ...host.warnings] }
    },
    tag: ({ id }, mixins, { caller }) => service.rename(id, { labels: idsLabel(LABELS.tags, mixins) }, caller),
    delete: (id, { caller }) => service.delete(id, caller),
    allows: ({ state }, action) => allows(state, action),
    state: ({ state }) => occiStateOf(state),
    target: (action) => TARGETS.get(action),
    async act({ id, state }, action, attributes, { caller }) {
      const method = attributes.get(ATTRIBUTES.method.name)?.toString()
      if (action !== COMPUTE_ACTIONS.save) {
        const ours = toAction(action.term as StateAction, state)
        return { entity: await service.act(id, ours, caller, method) }
      }
      const title = attributes.get(ATTRIBUTES.name.name)?.toString()
      const image = await service.saveImage(
        id,
        {
          ...(title === undefined ? {} : { title }),
          ...(method === 'hot' || method === 'deferred' ? { method } : {}),
        },
        caller,
      )
      return { made: toCategory(osTemplate(image)) }
    },
    definitions: computeDefinitions,
    tags: ({ spec }) => idsIn(spec.labels, LABELS.tags),
    async represent(instances, exchange) {
      const shownOf = await shownWith(instances, exchange)
      return instances.map((instance) => fromInstance(instance, shownOf(instance.id)))
    },
  }
}
