import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ALICE, said, textOf } from '../../../../test/e2e/asking.ts'
import { kindLine, openOcci } from '../../../../test/e2e/occi-client.ts'
import { sha256 } from '../../../model/digest.ts'
import { decodeBase64 } from '../../../wire/base64.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { fromUserData } from './user-data.ts'

const OWN = 'http://bellhop.example/occi/infrastructure/compute#'
const attribute = (name: string, value: string): string => `X-OCCI-Attribute: ${name}="${value}"`
const base64 = (text: string): string => Buffer.from(text).toString('base64')
const mixin = (term: string): string => `Category: ${term}; scheme="${OWN}"; class="mixin"`
const digestIn = (text: string): string | undefined => /userdata\.sha256="([^"]*)"/.exec(text)?.[1]

test('both attributes are base64, and say where they are not', async (t) => {
  const { ask, create } = await openOcci(t)
  for (const name of ['occi.compute.userdata', 'org.openstack.compute.user_data', 'occi.compute.user_data']) {
    const path = await create(attribute(name, base64('#!/bin/sh\n')))
    assert.equal(digestIn(textOf(await ask(`GET ${path}`))), sha256(Buffer.from('#!/bin/sh\n')), name)
    const refused = await ask('POST /compute/', {}, `${kindLine('compute')}\n${attribute(name, 'I2Ns*')}`)
    assert.match(said(refused), new RegExp(`^400 ${name.replaceAll('.', '\\.')}: not base64: character 5 of 5 `))
  }
})

test('the encoding mixin says that the standard attribute is raw, the other stays base64', async (t) => {
  const { ask, create } = await openOcci(t)
  const raw = await create(
    mixin('user_data_encoding'),
    attribute('bellhop.userdata.encoding', 'raw'),
    attribute('occi.compute.userdata', String.raw`printf 'a\nb' > /tmp/x`),
  )
  assert.equal(digestIn(textOf(await ask(`GET ${raw}`))), sha256(Buffer.from(String.raw`printf 'a\nb' > /tmp/x`)))
  const both = await create(
    attribute('bellhop.userdata.encoding', 'raw'),
    attribute('occi.compute.userdata', 'plain'),
    attribute('org.openstack.compute.user_data', base64('plain')),
  )
  assert.equal(digestIn(textOf(await ask(`GET ${both}`))), sha256(Buffer.from('plain')))
})

test('an endpoint can be told that the standard attribute is raw, and a request that it is not', async (t) => {
  const { ask, create } = await openOcci(t, { userData: { encoding: 'raw', isShown: false } })
  const raw = await create(attribute('occi.compute.userdata', 'plain'))
  assert.equal(digestIn(textOf(await ask(`GET ${raw}`))), sha256(Buffer.from('plain')))
  const said64 = await create(
    attribute('bellhop.userdata.encoding', 'base64'),
    attribute('occi.compute.userdata', base64('plain')),
  )
  assert.equal(digestIn(textOf(await ask(`GET ${said64}`))), sha256(Buffer.from('plain')))
})

test('JSON can hold a script as it is', async (t) => {
  const { ask } = await openOcci(t)
  const script = '#!/bin/sh\necho "kůň"\n'
  const compute = {
    kind: 'http://schemas.ogf.org/occi/infrastructure#compute',
    mixins: [`${OWN}user_data_encoding`],
    attributes: { 'bellhop.userdata.encoding': 'raw', 'occi.compute.userdata': script },
  }
  const made = await ask('POST /compute/', { 'Content-Type': 'application/occi+json' }, JSON.stringify(compute))
  assert.equal(made.status, 201, textOf(made))
  const shown = JSON.parse(textOf(made)) as { attributes: Record<string, unknown> }
  assert.equal(shown.attributes['bellhop.userdata.sha256'], sha256(Buffer.from(script)))
  assert.equal(shown.attributes['occi.compute.userdata'], undefined)
  const split = { ...compute, attributes: { 'occi.compute.userdata': { key: 'value' } } }
  const refused = await ask('POST /compute/', { 'Content-Type': 'application/occi+json' }, JSON.stringify(split))
  assert.match(textOf(refused), /occi\.compute\.userdata must be one string/)
  assert.equal(refused.status, 400)
})

test('what the user says his data are outranks what they look like', async (t) => {
  const { ask, create } = await openOcci(t)
  const formatOf = async (...lines: string[]): Promise<string | undefined> => {
    const path = await create(attribute('occi.compute.userdata', base64('key: value\n')), ...lines)
    return /userdata\.format="([^"]*)"/.exec(textOf(await ask(`GET ${path}`)))?.[1]
  }
  assert.equal(await formatOf(mixin('script')), 'script')
  assert.equal(await formatOf(mixin('cloud_config')), 'cloud-config')
  assert.equal(await formatOf(attribute('bellhop.userdata.media_type', 'text/x-shellscript')), 'script')
  assert.equal(await formatOf(attribute('bellhop.userdata.media_type', 'application/x-own')), 'application/x-own')
  const path = await create(mixin('script'))
  assert.match(textOf(await ask(`GET ${path}`)), new RegExp(`Category: script; scheme="${OWN}"`))
  const both = await ask('POST /compute/', {}, [kindLine('compute'), mixin('script'), mixin('cloud_config')].join('\n'))
  assert.match(said(both), /^400 user data cannot be script and cloud-config at once$/)
})

test('a dictionary becomes variables too where that is asked for, and stays as it is', async (t) => {
  const { ask, create, service } = await openOcci(t)
  const dictionary = '{"role": "web", "workers": 4}'
  const instanceOf = async (path: string) => await service.get(path.slice(path.lastIndexOf('/') + 1), ALICE)
  const data = attribute('org.openstack.compute.user_data', base64(dictionary))
  const path = await create(mixin('user_data_variables'), data)
  const { spec, userDataSha256 } = await instanceOf(path)
  assert.deepEqual(spec.variables, { role: 'web', workers: '4' })
  assert.equal(userDataSha256, sha256(Buffer.from(dictionary)))
  assert.match(textOf(await ask(`GET ${path}`)), new RegExp(`Category: user_data_variables; scheme="${OWN}"`))
  assert.deepEqual((await instanceOf(await create(data))).spec.variables, {})
})

test('variables are refused of data that spell none, without a word of them', async (t) => {
  const { ask } = await openOcci(t)
  const refused = async (...lines: string[]): Promise<string> =>
    said(await ask('POST /compute/', {}, [kindLine('compute'), mixin('user_data_variables'), ...lines].join('\n')))
  assert.match(await refused(), /^400 userData: no variables can be made of them: there are none/)
  const nested = base64('{"a": {"b": "hunter2"}}')
  const answer = await refused(attribute('occi.compute.userdata', nested))
  assert.match(answer, /^400 userData: .*member 1 of 1 is an object/)
  assert.ok(!answer.includes('hunter2'))
})

test('data are given once: the same again is no change, others are refused, none leaves them', async (t) => {
  const { ask, create } = await openOcci(t)
  const path = await create(
    attribute('org.openstack.compute.user_data', base64('one')),
    attribute('occi.credentials.ssh.publickey', 'ssh-ed25519 AAAAC3Nz me'),
  )
  const digest = sha256(Buffer.from('one'))
  const put = async (...lines: string[]): Promise<string> =>
    said(await ask(`PUT ${path}`, {}, [kindLine('compute'), ...lines].join('\n')))
  for (const lines of [
    [],
    [attribute('org.openstack.compute.user_data', base64('one'))],
    [attribute('occi.compute.userdata', base64('one'))],
    [attribute('org.openstack.credentials.publickey.data', 'ssh-ed25519 AAAAC3Nz me')],
  ]) {
    const answer = await put(...lines)
    assert.match(answer, /^200 /, lines.join())
    assert.equal(digestIn(answer), digest)
  }
  assert.match(await put(attribute('occi.compute.userdata', base64('two'))), /^409 user data of \S+ are given once/)
  assert.match(
    await put(attribute('occi.credentials.ssh_key', 'ssh-ed25519 AAAAC3Nx me')),
    /^409 keys of \S+ are given once/,
  )
  assert.equal(digestIn(textOf(await ask(`GET ${path}`))), digest)
})

test('data are never shown, unless that is switched on; then a client can echo all it sees', async (t) => {
  const shy = await openOcci(t)
  const secret = base64('secret of mine')
  const lines = [attribute('org.openstack.compute.user_data', secret), attribute('occi.compute.userdata', secret)]
  const hidden = await shy.create(...lines)
  for (const type of ['text/plain', 'text/occi', 'application/occi+json']) {
    const response = await shy.ask(`GET ${hidden}`, { Accept: type })
    assert.ok(!`${textOf(response)}${JSON.stringify(response.headers)}`.includes(secret), type)
  }
  const open = await openOcci(t, { userData: { encoding: 'base64', isShown: true } })
  const path = await open.create(...lines)
  const shown = textOf(await open.ask(`GET ${path}`))
  assert.ok(shown.includes(attribute('org.openstack.compute.user_data', secret)))
  assert.ok(shown.includes(attribute('occi.compute.userdata', secret)))
  assert.equal(said(await open.ask(`PUT ${path}`, { 'Content-Type': 'text/plain' }, shown)), `200 ${shown}`)
  const json = textOf(await open.ask(`GET ${path}`, { Accept: 'application/occi+json' }))
  assert.ok(json.includes(secret))
  const put = { 'Content-Type': 'application/occi+json', Accept: 'application/occi+json' }
  assert.equal(said(await open.ask(`PUT ${path}`, put, json)), `200 ${json}`)
  // Headers are too small for them.
  assert.ok(!JSON.stringify((await open.ask(`GET ${path}`, { Accept: 'text/occi' })).headers).includes(secret))
})

test('what is shown raw can be read back, or is not shown', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.boolean(), fc.constantFrom('raw', 'base64'), (bytes, multiline, encoding) => {
      const occi = fromUserData(bytes, ATTRIBUTES.occiUserData, encoding, multiline)
      const egi = fromUserData(bytes, ATTRIBUTES.egiUserData, encoding, multiline) ?? assert.fail()
      assert.deepEqual(Buffer.from(decodeBase64(egi, 'x')), Buffer.from(bytes))
      if (occi !== undefined && encoding === 'raw') assert.deepEqual(Buffer.from(occi), Buffer.from(bytes))
      if (encoding === 'base64') assert.equal(occi, egi)
    }),
  )
})

test('more than any way takes is refused with limit and size, before any provider is asked', async (t) => {
  const deliveries = [
    { method: 'metadata', by: 'bellhop', layouts: ['ec2'], userDataMaxBytes: 10, evidence: [] },
  ] as const
  const { ask, provider } = await openOcci(t, { cloud: { capabilities: { deliveries } } })
  const body = `${kindLine('compute')}\n${attribute('occi.compute.userdata', base64('12345678901'))}`
  assert.equal(said(await ask('POST /compute/', {}, body)), '413 userData is 11 bytes; memory takes 10')
  assert.deepEqual(await provider.made(), [])
})
