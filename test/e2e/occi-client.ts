import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import type { TestContext } from 'node:test'
import { headerValues, type HttpRequest, type HttpResponse } from '../../src/frontends/http.ts'
import { occiFrontend, type OcciOptions } from '../../src/frontends/occi/index.ts'
import type { Caller } from '../../src/model/instance.ts'
import { openService, type OpenOptions } from './service.ts'

export const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
export const BOB: Caller = { subject: 'test/bob', project: 'test/blue', role: 'member' }
export const READER: Caller = { subject: 'test/ron', project: 'test/red', role: 'reader' }

/** What every URL starts with. */
export const URL_BASE = 'http://cloud.example.org:8787'

const INFRASTRUCTURE = 'http://schemas.ogf.org/occi/infrastructure#'

/** The Category of a kind. */
export function kindLine(term: string): string {
  return `Category: ${term}; scheme="${INFRASTRUCTURE}"; class="kind"`
}

/** The Category of an action. */
export function actionLine(kind: string, term: string): string {
  return `Category: ${term}; scheme="http://schemas.ogf.org/occi/infrastructure/${kind}/action#"; class="action"`
}

export type Headers = Record<string, string>

/** What `openOcci` may be told. */
export interface OcciClientOptions extends OpenOptions {
  readonly userData?: OcciOptions['userData']
}

/** The OCCI front end over a real service and the memory provider, asked as a function. */
export async function openOcci(t: Pick<TestContext, 'after'>, { userData, ...options }: OcciClientOptions = {}) {
  const { service, provider, store, close } = await openService(options)
  t.after(close)
  const occi = occiFrontend({
    service,
    publicUrl: `${URL_BASE}/`,
    version: '1.0',
    ...(userData ? { userData } : {}),
  })
  async function ask(line: string, headers: Headers = {}, body = '', caller = ALICE): Promise<HttpResponse> {
    const [method = '', url = ''] = line.split(' ')
    const { pathname, searchParams } = new URL(url, 'http://h')
    const request: HttpRequest = {
      method,
      path: url.startsWith('//') ? url : pathname,
      query: searchParams,
      headers: Object.entries(headers),
      body: Buffer.from(body),
    }
    const response = await occi(request, caller)
    assert.equal(headerValues(response, 'Content-Type').length, 1, 'jOCCI dies without a Content-Type')
    assert.deepEqual(headerValues(response, 'Server'), ['bellhop/1.0 OCCI/1.1 OCCI/1.2'])
    assert.equal(headerValues(response, 'Accept').length, 1)
    return response
  }
  /** Makes one, and gives its path. */
  async function make(kind: string, ...lines: string[]): Promise<string> {
    const response = await ask(`POST /${kind}/`, {}, [kindLine(kind), ...lines].join('\n'))
    assert.equal(response.status, 201, textOf(response))
    return new URL(headerValues(response, 'Location')[0] ?? assert.fail()).pathname
  }
  /** Acts on one, and gives the status with what is shown. */
  async function act(path: string, term: string, ...attributes: string[]): Promise<string> {
    const kind = path.split('/')[1] ?? ''
    const lines = [actionLine(kind, term), ...attributes.map((attribute) => `X-OCCI-Attribute: ${attribute}`)]
    return said(await ask(`POST ${path}?action=${term}`, { 'Content-Type': 'text/plain' }, lines.join('\n')))
  }
  return { ask, make, act, create: (...lines: string[]) => make('compute', ...lines), service, provider, store }
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

/** The paths in a text list. */
export function pathsIn(response: HttpResponse): readonly string[] {
  const text = textOf(response)
  if (text === '') return []
  return text.split('\n').map((line) => line.replace(`X-OCCI-Location: ${URL_BASE}`, ''))
}
