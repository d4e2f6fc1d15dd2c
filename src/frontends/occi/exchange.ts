import { CloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { HttpRequest } from '../http.ts'
import type { Catalogue } from './catalogue.ts'
import type { Definition } from './categories.ts'
import type { Codec, Outcome, Representation } from './representation.ts'

/** One request on its way through a route. */
export interface Exchange {
  readonly request: HttpRequest
  readonly caller: Caller
  /** In which the answer is written. */
  readonly codec: Codec
  /** What the request says. @throws {CloudError} invalid when it cannot be read */
  readonly read: () => readonly Representation[]
  /** Everything; asks the clouds. */
  readonly catalogue: () => Promise<Catalogue>
  /** The mixins that clients made. */
  readonly usersMixins: () => Promise<readonly Definition[]>
}

/** Methods of one URL; HEAD is GET. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** What lies at one URL. */
export interface Resource {
  /** Whether GET gives locations, which alone text/uri-list can show. */
  readonly isList: boolean
  readonly methods: Readonly<Partial<Record<Method, (exchange: Exchange) => Promise<Outcome>>>>
}

/** It is done, and there is nothing to show. OCCI clients expect 200 where HTTP would say 204. */
export const DONE: Outcome = { status: 200, answer: { shows: 'nothing' } }

/** What the request says, where it can be about one thing only. @throws {CloudError} invalid when it is about several */
export function readOne({ read }: Pick<Exchange, 'read'>): Representation {
  const [first, ...more] = read()
  if (first && more.length === 0) return first
  throw new CloudError('invalid', `the body speaks of ${more.length + 1} things; here it can be one`)
}
