import { CloudError, type ErrorCode } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import { headerValues, type HttpRequest } from '../http.ts'
import type { Document, Resource } from './document.ts'
import { urlOf } from './mount.ts'
import type { Query } from './query.ts'
import { typeUri, type TypeName } from './types.ts'

/** One request on its way through a route. */
export interface Exchange {
  readonly request: HttpRequest
  readonly caller: Caller
  readonly query: Query
  /** The URL of something below the entry point's folder. */
  readonly url: (...segments: readonly string[]) => string
  /**
   * What the request says, read as one of these types: the one that it claims to be, else the first.
   *
   * @throws {CloudError} invalid when it cannot be read, or claims to be something else
   */
  readonly read: (...types: readonly [TypeName, ...TypeName[]]) => Resource
  /** Repeated by a client that repeats its request. */
  readonly idempotencyKey?: string
  /** What the client should know of his request, though it was done. */
  readonly warn: (text: string) => void
}

/** What an exchange is made of. */
export interface ExchangeOptions extends Pick<Exchange, 'request' | 'caller' | 'query' | 'warn'> {
  /** URL of the mount, without slash at its end. */
  readonly base: string
  readonly parse: (body: Uint8Array, ...types: readonly [TypeName, ...TypeName[]]) => Document
}

/** An exchange whose body is read once it is asked for. */
export function createExchange({ base, parse, ...rest }: ExchangeOptions): Exchange {
  const [idempotencyKey] = headerValues(rest.request, 'Idempotency-Key')
  return {
    ...rest,
    ...(idempotencyKey ? { idempotencyKey } : {}),
    url: (...segments) => urlOf(base, ...segments),
    read: (...types) => {
      const { resource, claimed, unknown } = parse(rest.request.body, ...types)
      if (claimed !== undefined && claimed !== resource.type)
        throw new CloudError(
          'invalid',
          `this is a ${claimed.slice(0, 100)}; ${types.map(typeUri).join(' or ')} is expected here`,
        )
      for (const path of unknown) rest.warn(`${path} is not known here and was left aside`)
      return resource
    },
  }
}

/** What came of a request. */
export interface Outcome {
  readonly status: number
  readonly resource?: Resource
  /** Why it was refused, in the words of {@link ErrorCode} and for people. */
  readonly refusal?: { readonly word: ErrorCode; readonly message: string }
  readonly headers?: readonly (readonly [name: string, value: string])[]
}
