import { Buffer } from 'node:buffer'
import { headerValues, type HttpRequest, type HttpResponse } from '../../src/frontends/http.ts'
import type { Caller } from '../../src/model/instance.ts'

export const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
/** Of another project. */
export const BOB: Caller = { subject: 'test/bob', project: 'test/blue', role: 'member' }
export const READER: Caller = { subject: 'test/ron', project: 'test/red', role: 'reader' }

/** What every URL starts with. */
export const URL_BASE = 'http://cloud.example.org:8787'

export type Headers = Record<string, string>

/** A request as the HTTP adapter makes it. @param line method and URL, such as `GET /-/?action=stop` */
export function toRequest(line: string, headers: Headers, body: string | Uint8Array): HttpRequest {
  const [method = '', url = ''] = line.split(' ')
  const { pathname, searchParams } = new URL(url, 'http://h')
  return {
    method,
    path: url.startsWith('//') ? url : decodeURIComponent(pathname),
    query: searchParams,
    headers: Object.entries(headers),
    body: Buffer.from(body),
  }
}

/** The body as text. */
export function textOf({ body }: HttpResponse): string {
  return Buffer.from(body).toString('utf8')
}

/** The body as JSON. */
export function jsonOf(response: HttpResponse): Record<string, unknown> {
  return JSON.parse(textOf(response)) as Record<string, unknown>
}

/** Status and body in one line of sight. */
export function said(response: HttpResponse): string {
  return `${response.status} ${textOf(response)}`
}

/** Every value of a header. */
export function header(response: HttpResponse, name: string): string {
  return headerValues(response, name).join('|')
}
