import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { headerValues, type HttpResponse } from '../../src/frontends/http.ts'
import { occiFrontend, type OcciOptions } from '../../src/frontends/occi/index.ts'
import { ALICE, said, textOf, toRequest, URL_BASE, type Headers } from './asking.ts'
import { openService, type OpenOptions } from './service.ts'

const INFRASTRUCTURE = 'http://schemas.ogf.org/occi/infrastructure#'

/** The Category of a kind. */
export function kindLine(term: string): string {
  return `Category: ${term}; scheme="${INFRASTRUCTURE}"; class="kind"`
}

/** The Category of an action. */
export function actionLine(kind: string, term: string): string {
  return `Category: ${term}; scheme="http://schemas.ogf.org/occi/infrastructure/${kind}/action#"; class="action"`
}

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
    const response = await occi(toRequest(line, headers, body), caller)
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

/** The paths in a text list. */
export function pathsIn(response: HttpResponse): readonly string[] {
  const text = textOf(response)
  if (text === '') return []
  return text.split('\n').map((line) => line.replace(`X-OCCI-Location: ${URL_BASE}`, ''))
}
