import type { Caller } from '../../model/instance.ts'
import type { Definition } from './categories.ts'
import type { CheckedEntity } from './check.ts'
import type { Exchange, Resource } from './exchange.ts'
import type { Filter } from './filter.ts'
import type { Category, Outcome, Representation, Value } from './representation.ts'

/** What every entity has. */
export interface Entity {
  readonly id: string
}

/** An entity that was made or changed, and what of the request was left aside. */
export interface Changed<T> {
  readonly entity: T
  readonly warnings: readonly string[]
}

/** A request for something new. */
interface Wanted {
  readonly checked: CheckedEntity
  /** Where PUT wants it to be. */
  readonly id?: string
  readonly idempotencyKey?: string
  /** Nothing else is made by the same request. */
  readonly isAlone: boolean
}

/** What the routes must know of one kind of entities; all else is the same for all. */
export interface EntityKind<T extends Entity> {
  readonly kind: Definition
  list(caller: Caller): Promise<readonly T[]>
  /** @throws {CloudError} not-found */
  get(id: string, caller: Caller): Promise<T>
  /** Checks all that can be without making anything; what it gives makes it. @throws {CloudError} */
  prepare(wanted: Wanted, exchange: Exchange): Promise<() => Promise<Changed<T>>>
  /** @param isWhole what the request does not name is taken away, as far as that can be */
  update(entity: T, checked: CheckedEntity, isWhole: boolean, exchange: Exchange): Promise<Changed<T>>
  /** Replaces the mixins that clients made. */
  tag(entity: T, mixins: readonly string[], exchange: Exchange): Promise<unknown>
  delete(id: string, exchange: Exchange): Promise<void>
  /** Whether it is left out when all are deleted: it is for all. */
  isForAll?(entity: T): boolean
  /** Whether its state allows the action. */
  allows(entity: T, action: Definition): boolean
  /** The state that the action leads to, as OCCI calls it; `undefined` where it is worth doing in any. */
  target?(action: Definition): string | undefined
  /** Its state, as OCCI calls it. */
  state?(entity: T): string
  /** @throws {CloudError} */
  act(
    entity: T,
    action: Definition,
    attributes: ReadonlyMap<string, Value>,
    exchange: Exchange,
  ): Promise<{ readonly entity: T } | { readonly made: Category }>
  /** Its kind first. */
  definitions(entity: T, usersMixins: readonly Definition[]): readonly Definition[]
  /** Type ids of the mixins on it that clients made. */
  tags(entity: T): readonly string[]
  represent(entities: readonly T[], exchange: Exchange): Promise<readonly Representation[]>
}

/** One entity of a list, whatever its kind. */
export interface Listed {
  readonly path: string
  readonly id: string
  readonly tags: readonly string[]
  /** Replaces the mixins that clients made. */
  readonly tag: (mixins: readonly string[]) => Promise<unknown>
  readonly act: (action: Definition, attributes: ReadonlyMap<string, Value>) => Promise<unknown>
  readonly allows: (action: Definition) => boolean
  /** Whether it is in the very state that the action leads to. */
  readonly isDone: (action: Definition) => boolean
}

/** The entities of one kind, as the routes see them. */
export interface Entities {
  readonly kind: Definition
  /** Those that carry all `wanted` and pass the filter. */
  find(exchange: Exchange, wanted: readonly Definition[], filter: Filter): Promise<readonly Listed[]>
  represent(listed: readonly Listed[], exchange: Exchange): Promise<readonly Representation[]>
  /** @throws {CloudError} not-found */
  get(id: string, exchange: Exchange): Promise<Listed>
  /** All of them or none. */
  create(checked: readonly CheckedEntity[], exchange: Exchange): Promise<Outcome>
  all(): Resource
  one(id: string): Resource
}
