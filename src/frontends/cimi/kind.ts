import type { Resource } from './document.ts'
import type { Exchange } from './exchange.ts'
import type { AttributeName, TypeName } from './types.ts'

/** Something that was made. */
export interface Made {
  readonly resource: Resource
  /** URL of the job that makes it. */
  readonly job?: string
}

/** An item of a list: itself, or what puts it into words once it is shown. Lists that may be long are of the latter. */
export type Item = Resource | (() => Resource)

/**
 * One collection and what lies in it: what routing must know of it, all else is the same for all. What a kind lacks cannot
 * be done there. Every method may throw {@link CloudError}, `not-found` where there is no such item.
 *
 * To add one: a file in `kinds/`, and its line in `kinds/index.ts`.
 */
export interface Kind {
  /** The segment of its URLs. */
  readonly path: string
  /** Of its items: `<type>` and `<type>Collection` are other words for its segment, in any case. */
  readonly type: TypeName
  readonly collection: TypeName
  /** Still other words for it, in lower case. */
  readonly aliases?: readonly string[]
  /** What the entry point calls it. */
  readonly link?: AttributeName
  readonly list: (exchange: Exchange) => Promise<readonly Item[]>
  readonly get: (id: string, exchange: Exchange) => Promise<Resource>
  readonly create?: (exchange: Exchange) => Promise<Made>
  /** Whether nobody here can make one, whatever is asked: then none is offered. */
  readonly isFixed?: boolean
  /** What the query selects is changed alone; without a selection, what the request leaves out is taken away. */
  readonly update?: (id: string, exchange: Exchange) => Promise<Resource>
  readonly delete?: (id: string, exchange: Exchange) => Promise<void>
  /**
   * @param verb the segment behind the item's, where there is one
   * @returns URL of its job, where it has one
   */
  readonly act?: (id: string, verb: string | undefined, exchange: Exchange) => Promise<string | undefined>
  /** The collections of one item. */
  readonly within?: (id: string) => readonly Kind[]
}
