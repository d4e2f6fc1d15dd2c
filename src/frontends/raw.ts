import { Buffer } from 'node:buffer'
import { CloudError } from '../model/errors.ts'
import type { HttpRequest, HttpResponse } from './http.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * A request's head from what Node read: the URL decoded, each header kept as it came.
 *
 * @param url the request target, also in absolute form
 * @param rawHeaders names and values in turn, each character one byte
 * @throws {CloudError} invalid when the URL is no path
 */
export function readHead(method: string, url: string, rawHeaders: readonly string[]): Omit<HttpRequest, 'body'> {
  const [target = '', ...rest] = url.replace(/^https?:\/\/[^/?]*/i, '').split('?')
  const headers: [string, string][] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.push([rawHeaders[index] ?? '', toText(rawHeaders[index + 1] ?? '')])
  return { method, path: toPath(target), query: new URLSearchParams(rest.join('?')), headers }
}

/** Headers as Node writes them: names and values in turn, the UTF-8 bytes of values as one character each. */
export function toRawHeaders(headers: HttpResponse['headers']): string[] {
  return headers.flatMap(([name, value]) => [name, Buffer.from(value, 'utf8').toString('latin1')])
}

function toPath(target: string): string {
  const text = target === '' ? '/' : target
  if (!text.startsWith('/')) throw new CloudError('invalid', 'the request target is not a path')
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new CloudError('invalid', 'the path holds a "%" that is not followed by two digits of UTF-8', { cause })
  }
}

/** Header bytes as UTF-8; where they are not, as the latin1 that HTTP once had. */
function toText(latin1: string): string {
  if (!/[\x80-\xFF]/.test(latin1)) return latin1
  try {
    return utf8.decode(Buffer.from(latin1, 'latin1'))
  } catch {
    return latin1
  }
}
