import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { headerValues, type HttpResponse } from '../../src/frontends/http.ts'
import { cimiFrontend } from '../../src/frontends/cimi/index.ts'
import { ALICE, jsonOf, said, toRequest, URL_BASE, type Headers } from './asking.ts'
import { openService, type OpenOptions } from './service.ts'

/** Where the entry point's folder is. */
export const CIMI = `${URL_BASE}/cimi`

/** The namespace of every type and action. */
export const NS = 'http://schemas.dmtf.org/cimi/1'

/** What a JSON answer holds. */
export type Json = Record<string, unknown>

/** The CIMI front end over a real service and the memory provider, asked as a function. */
export async function openCimi(t: Pick<TestContext, 'after'>, options: OpenOptions = {}) {
  const { close, ...opened } = await openService(options)
  t.after(close)
  const cimi = cimiFrontend({ service: opened.service, publicUrl: `${URL_BASE}/` })

  /** @param line method and URL, whole or below the entry point's folder; an object is sent as JSON */
  async function ask(
    line: string,
    body: string | Uint8Array | Json = '',
    headers: Headers = {},
    caller = ALICE,
  ): Promise<HttpResponse> {
    const [method = '', url = ''] = line.split(' ')
    const whole = url.startsWith('/') || url.startsWith('http') ? url : `/cimi/${url}`
    const isObject = typeof body === 'object' && !(body instanceof Uint8Array)
    const type: Headers = isObject ? { 'Content-Type': 'application/json' } : {}
    const bytes = isObject ? JSON.stringify(body) : body
    const response = await cimi.handler(toRequest(`${method} ${whole}`, { ...type, ...headers }, bytes), caller)
    assert.deepEqual(headerValues(response, 'CIMI-Specification-Version'), ['1.1.0'])
    assert.equal(headerValues(response, 'Content-Type').length, response.body.byteLength > 0 ? 1 : 0)
    return response
  }

  /** What lies at a URL, as JSON. */
  async function get(url: string, caller = ALICE): Promise<Json> {
    const response = await ask(`GET ${url}`, '', {}, caller)
    assert.equal(response.status, 200, said(response))
    return jsonOf(response)
  }

  /** Makes something in a collection, and gives its URL. */
  async function make(collection: string, body: Json, caller = ALICE): Promise<string> {
    const response = await ask(`POST ${collection}`, body, {}, caller)
    assert.equal(response.status, 201, said(response))
    const [location = assert.fail()] = headerValues(response, 'Location')
    assert.equal(jsonOf(response)['id'], location)
    return location
  }

  /** A machine of the first image and size, with whatever else its template shall have. */
  const machine = (template: Json = {}, more: Json = {}): Promise<string> =>
    make('machines', { name: 'web', machineTemplate: { ...TEMPLATE, ...template }, ...more })

  return { ...opened, cimi, ask, get, make, machine }
}

/** An image and a size of the memory provider. */
export const TEMPLATE = {
  machineImage: { href: 'memory-debian' },
  machineConfig: { href: 'memory-small' },
}
