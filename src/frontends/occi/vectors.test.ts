import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { readHead } from '../raw.ts'
import type { HttpRequest } from '../http.ts'
import { catalogueOf } from './catalogue.ts'
import { checkEntity } from './check.ts'
import { toSpec } from './kinds/compute-map.ts'
import { fromInlineLink } from './kinds/link-map.ts'
import { requestCodec } from './negotiate.ts'

interface Expected {
  readonly spec?: object
  readonly warnings?: readonly string[]
  readonly error?: string
  readonly says?: string
}

const TESTDATA = new URL('testdata/', import.meta.url)

const catalogue = catalogueOf({
  images: [{ name: 'debian12', provider: 'example', remoteId: '1', title: 'Debian 12' }],
  sizes: ['example', 'other'].map((provider) => ({
    name: provider === 'other' ? 'elsewhere' : 'small',
    provider,
    remoteId: '1',
    title: 'Small',
    cores: 1,
    memoryMiB: 512,
  })),
})

function readRequest(name: string): HttpRequest {
  const text = readFileSync(new URL(`${name}.req`, TESTDATA), 'latin1').replaceAll(
    'http://occi.example.org/',
    'http://bellhop.example/',
  )
  const end = text.indexOf('\r\n\r\n')
  const [requestLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const [method = '', url = ''] = requestLine.split(' ')
  const rawHeaders = lines.flatMap((line) => [
    line.slice(0, line.indexOf(':')),
    line.slice(line.indexOf(':') + 1).trim(),
  ])
  return { ...readHead(method, url, rawHeaders), body: Buffer.from(text.slice(end + 4), 'latin1') }
}

function read(name: string) {
  const request = readRequest(name)
  const [sent = assert.fail()] = requestCodec(request)?.parse(request) ?? []
  const checked = checkEntity(sent, catalogue)
  const links = checked.links.map((link) => fromInlineLink(link, catalogue).spec)
  const { spec, warnings } = toSpec(checked, links, 'base64')
  const { userData, variables, files, ...rest } = spec
  assert.deepEqual([variables, files], [{}, []])
  return { spec: { ...rest, ...(userData ? { userData: Buffer.from(userData).toString('utf8') } : {}) }, warnings }
}

for (const file of readdirSync(TESTDATA).filter((name) => name.endsWith('.json'))) {
  const name = file.replace(/\.json$/, '')
  const expected = JSON.parse(readFileSync(new URL(file, TESTDATA), 'utf8')) as Expected
  test(`${name} ${expected.error ? `is refused: ${expected.error}` : 'becomes its spec'}`, () => {
    if (expected.error === undefined) {
      assert.deepEqual(read(name), expected)
      return
    }
    assert.throws(
      () => read(name),
      (error) =>
        isCloudError(error) && error.code === expected.error && new RegExp(expected.says ?? '').test(error.message),
    )
  })
}
