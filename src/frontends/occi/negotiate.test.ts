import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpRequest } from '../http.ts'
import { requestCodec, responseCodec } from './negotiate.ts'

const request = (method: string, ...headers: HttpRequest['headers']): HttpRequest => ({
  method,
  path: '/',
  query: new URLSearchParams(),
  headers,
  body: new Uint8Array(),
})
const reads = (...headers: HttpRequest['headers']) => requestCodec(request('POST', ...headers))?.contentType
const writes = (method: string, ...headers: HttpRequest['headers']) =>
  responseCodec(request(method, ...headers))?.contentType

const PLAIN = 'text/plain; charset=utf-8'

test('reads by the first known type of Content-Type', () => {
  assert.equal(reads(['Content-Type', 'text/plain,text/occi']), PLAIN)
  assert.equal(reads(['content-type', 'text/occi; charset=utf-8']), 'text/occi')
  assert.equal(reads(['Content-Type', 'TEXT/OCCI']), 'text/occi')
  assert.equal(reads(['Content-Type', 'application/xml, text/occi']), 'text/occi')
  assert.equal(reads(['Content-Type', 'text/uri-list']), 'text/uri-list')
  assert.equal(reads(['Content-Type', 'application/occi+json; charset=utf-8']), 'application/occi+json')
  assert.equal(reads(['Content-Type', 'application/json']), 'application/json')
  assert.equal(reads(['Content-Type', 'application/xml']), undefined)
})

test('reads headers where there is no Content-Type but a Category', () => {
  assert.equal(reads(['CATEGORY', 'a; scheme="b#"']), 'text/occi')
  assert.equal(reads(), PLAIN)
})

test('writes the best type that the client accepts', () => {
  assert.equal(writes('GET', ['Accept', 'text/plain,text/occi']), PLAIN)
  assert.equal(writes('GET', ['Accept', 'text/plain;q=0.2, text/occi;q=0.9']), 'text/occi')
  assert.equal(writes('GET', ['Accept', 'application/xml'], ['Accept', 'text/uri-list']), 'text/uri-list')
  assert.equal(writes('GET', ['Accept', 'application/xml, */*;q=0.1']), PLAIN)
  assert.equal(writes('GET', ['Accept', 'text/*']), PLAIN)
  assert.equal(writes('GET', ['Accept', 'text/occi+plain']), 'text/occi+plain; charset=utf-8')
  assert.equal(writes('GET', ['Accept', 'application/json']), 'application/json')
  assert.equal(writes('GET', ['Accept', 'application/occi+json, text/plain;q=0.5']), 'application/occi+json')
  assert.equal(writes('GET', ['Accept', 'application/*']), 'application/occi+json')
  assert.equal(writes('GET', ['Accept', 'application/xml']), undefined)
  assert.equal(writes('GET', ['Accept', 'text/html']), undefined)
  assert.equal(writes('GET', ['Accept', 'text/plain;q=0']), undefined)
})

test('without preference writes as the request is written', () => {
  assert.equal(writes('POST', ['Content-Type', 'text/occi']), 'text/occi')
  assert.equal(writes('PUT', ['Content-Type', 'text/occi'], ['Accept', '*/*']), 'text/occi')
  assert.equal(writes('POST', ['Content-Type', 'application/json'], ['Accept', '*/*']), 'application/json')
  assert.equal(writes('POST', ['Content-Type', 'text/uri-list']), PLAIN)
  assert.equal(writes('POST', ['Content-Type', 'application/xml']), PLAIN)
  // A filter in a GET is no rendering of a request.
  assert.equal(writes('GET', ['Content-Type', 'text/occi'], ['Accept', '*/*']), PLAIN)
  assert.equal(writes('GET'), PLAIN)
})
