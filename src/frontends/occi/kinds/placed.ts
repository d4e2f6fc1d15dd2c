import type { Caller } from '../../../model/instance.ts'
import type { Renaming } from '../../../service/service.ts'
import type { Attribute } from '../attributes.ts'
import { toReference } from '../catalogue.ts'
import { providerMixin, type Definition } from '../categories.ts'
import type { CheckedEntity } from '../check.ts'
import type { EntityKind } from '../entity-kind.ts'
import type { Value } from '../representation.ts'
import { actionLinks } from './action-links.ts'
import { idsIn, idsLabel, LABELS, tagsOf } from './labels.ts'
import { toRenaming } from './naming.ts'
import { providerOf, requireSame } from './resource-mixins.ts'

/** What is made at one provider, with nothing before it: a volume, a network. */
interface Placed {
  readonly id: string
  readonly provider: string
  readonly state: string
  readonly spec: { readonly name?: string; readonly labels: Readonly<Record<string, string>> }
}

/** What can be done with such, of the service's use cases. */
interface PlacedUseCases<T extends Placed> {
  create(
    request: {
      readonly spec: T['spec']
      readonly provider?: string
      readonly id?: string
      readonly idempotencyKey?: string
    },
    caller: Caller,
  ): Promise<T>
  get(id: string, caller: Caller): Promise<T>
  list(caller: Caller): Promise<readonly T[]>
  rename(id: string, change: Renaming, caller: Caller): Promise<T>
  delete(id: string, caller: Caller): Promise<void>
}

/** How one such kind is said in OCCI. */
interface Wording<T extends Placed> extends Pick<EntityKind<T>, 'kind' | 'isForAll' | 'target' | 'act'> {
  /** The state as OCCI calls it. */
  readonly stateOf: (entity: T) => string
  /** What can be done in each of OCCI's states. */
  readonly actions: Readonly<Record<string, readonly Definition[]>>
  /** @throws {CloudError} invalid */
  readonly toSpec: (checked: CheckedEntity) => T['spec']
  readonly attributes: (entity: T) => Iterable<[string, Value]>
  /** Standard mixins on it. */
  readonly mixins?: (entity: T) => readonly Definition[]
  /** What stays as it was made, and what else a client can do. */
  readonly settings: readonly Attribute[]
  readonly advice?: string
}

/** A kind of entities that are made at one provider. */
export function placedKind<T extends Placed>(useCases: PlacedUseCases<T>, wording: Wording<T>): EntityKind<T> {
  const { kind, stateOf, actions, toSpec, attributes, settings, advice, ...rest } = wording
  const definitions = (entity: T, usersMixins: readonly Definition[]): readonly Definition[] => [
    kind,
    ...(wording.mixins?.(entity) ?? []),
    providerMixin(entity.provider),
    ...tagsOf(entity.spec.labels, usersMixins),
  ]
  // What is for all is nobody's to change.
  const actionsOf = (entity: T) => (wording.isForAll?.(entity) ? [] : (actions[stateOf(entity)] ?? []))
  return {
    ...rest,
    kind,
    list: (caller) => useCases.list(caller),
    get: (id, caller) => useCases.get(id, caller),
    async prepare({ checked, isAlone: _, ...choice }, { caller }) {
      const spec = toSpec(checked)
      const provider = providerOf(checked)
      return async () => ({
        entity: await useCases.create({ ...choice, spec, ...(provider === undefined ? {} : { provider }) }, caller),
        warnings: checked.warnings,
      })
    },
    async update(entity, checked, isWhole, { caller }) {
      requireSame(settings, checked, new Map(attributes(entity)), `${kind.term} ${entity.id}`, advice)
      const change = toRenaming(checked, entity.spec.labels, isWhole)
      return { entity: await useCases.rename(entity.id, change, caller), warnings: checked.warnings }
    },
    tag: ({ id }, mixins, { caller }) => useCases.rename(id, { labels: idsLabel(LABELS.tags, mixins) }, caller),
    delete: (id, { caller }) => useCases.delete(id, caller),
    allows: (entity, action) => (actions[stateOf(entity)] ?? []).includes(action),
    state: stateOf,
    definitions,
    tags: ({ spec }) => idsIn(spec.labels, LABELS.tags),
    async represent(entities, exchange) {
      const usersMixins = await exchange.usersMixins()
      return entities.map((entity) => ({
        categories: definitions(entity, usersMixins).map(toReference),
        links: actionLinks(kind, entity.id, actionsOf(entity)),
        attributes: new Map(attributes(entity)),
        locations: [],
      }))
    },
  }
}
