import { Buffer } from 'node:buffer'
import type { Caller } from '../model/instance.ts'

/**
 * A request as it came: header pairs in their order and case with values as UTF-8 text, the body as bytes. Web `Headers`
 * would lower-case names, fold repeated lines and refuse UTF-8, which OCCI clients need.
 */
export interface HttpRequest {
  readonly method: string
  /** Decoded once, without query; starts with `/`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}

/** An answer; names in the case given here, values may hold UTF-8. */
export interface HttpResponse {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  /**
   * What follows the body as it comes, asked for no faster than the client takes it. Ends by itself, or with `signal`: the
   * client is gone, or we close.
   */
  readonly live?: (signal: AbortSignal) => AsyncIterable<Uint8Array>
}

/** A front end's whole surface: requests are tested by calling it, without a socket. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>

/** A front end that answers only those whom the guard knows. */
export type GuardedHandler = (request: HttpRequest, caller: Caller) => Promise<HttpResponse>

/** Every value of the header `name`, in order; names are compared without case. */
export function headerValues(request: Pick<HttpRequest, 'headers'>, name: string): readonly string[] {
  const wanted = name.toLowerCase()
  return request.headers.filter(([key]) => key.toLowerCase() === wanted).map(([, value]) => value)
}

/** A text answer. */
export function textResponse(
  status: number,
  text: string,
  headers: HttpResponse['headers'] = [['Content-Type', 'text/plain; charset=utf-8']],
): HttpResponse {
  return { status, headers, body: Buffer.from(text, 'utf8') }
}

/** The value of `Allow` for the methods that a place has; HEAD is wherever GET is. */
export function allowedMethods(methods: object): string {
  return Object.keys(methods)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
}
