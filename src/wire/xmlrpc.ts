import { CloudError, isCloudError } from '../model/errors.ts'
import { toError } from './http-answer.ts'
import type { TimeLimit } from './http-try.ts'
import type { HttpClient } from './http.ts'
import { atMost } from './at-most.ts'
import { parseAnswer, type XmlRpcAnswer } from './xmlrpc-parse.ts'
import { renderCall, type XmlRpcList } from './xmlrpc-render.ts'

/** One call. Nothing of its parameters is ever in an error. */
export interface XmlRpcCall {
  /** What it is, for people: `opennebula-cesnet: one.vm.info`. */
  readonly what: string
  readonly method: string
  readonly parameters: XmlRpcList
  /** Whether doing it twice is as good as once: only then it is sent again where the way there has trouble. */
  readonly isSafe: boolean
  readonly call: TimeLimit
}

/** A client for one server of XML-RPC. */
export interface XmlRpcClient {
  /**
   * Sends a call by one POST. A fault is an answer.
   *
   * Where a call is not safe, `unavailable` and `timeout` mean that nobody knows whether it was done.
   *
   * @throws {CloudError} invalid for what XML-RPC cannot hold; provider-failed for an answer that is none, and whatever
   *   `HttpClient.request` throws
   */
  readonly request: (call: XmlRpcCall) => Promise<XmlRpcAnswer>
}

/** Servers that thread per connection, as xmlrpc-c does, have some fifteen for all their clients. */
const MAX_CONNECTIONS = 8

/**
 * A client for the XML-RPC behind one address, which keeps no more than 8 connections busy.
 *
 * @see XML-RPC specification
 */
export function createXmlRpcClient({ url, http }: { readonly url: string; readonly http: HttpClient }): XmlRpcClient {
  const withTurn = atMost(MAX_CONNECTIONS)
  return {
    request: async ({ what, method, parameters, isSafe, call }) => {
      const body = renderFor(what, method, parameters)
      const headers = { 'content-type': 'text/xml', accept: 'text/xml' }
      const send = () => http.request({ what, method: 'POST', url, headers, body, isSafe, call })
      const answer = await withTurn(send, call, what)
      if (answer.status !== 200) throw refusedStatus(what, answer.status, isSafe)
      try {
        return parseAnswer(decodeUtf8(answer.bytes))
      } catch (error) {
        if (!isCloudError(error)) throw error
        throw toError(what, { code: error.code, why: error.message, isSent: true }, isSafe)
      }
    },
  }
}

function renderFor(what: string, method: string, parameters: XmlRpcList): string {
  try {
    return renderCall(method, parameters)
  } catch (error) {
    throw isCloudError(error) ? new CloudError(error.code, `${what}: ${error.message}`) : error
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new CloudError('provider-failed', 'not the XML-RPC that is expected: it is not UTF-8')
  }
}

/** Whoever answers so did not look at the call, unless he failed at it. */
function refusedStatus(what: string, status: number, isSafe: boolean): CloudError {
  const why = `answers ${status}, which no server of XML-RPC does; check the address in the settings, its path too`
  return toError(what, { code: 'provider-failed', why, isSent: status >= 500 }, isSafe)
}
