import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import { openService, type OpenOptions, type OpenService } from '../../test/e2e/service.ts'
import { sampleInstance, sampleSpec } from '../../test/conformance/store-samples.ts'
import type { Caller, Instance } from '../model/instance.ts'
import { sqliteStore } from '../store/sqlite.ts'
import { besideCloud, cloudVendorData } from './cloud-vendor-data.ts'

const RED: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const KEYS = [
  { name: 'alice', text: 'ssh-ed25519 AAAA alice' },
  { name: 'bob', text: 'ssh-ed25519 BBBB bob' },
]
const PLAN: Instance['plan'] = {
  provider: 'memory',
  deliveries: [{ method: 'metadata', by: 'provider', layouts: ['openstack'], why: 'test', evidence: ['console'] }],
  warnings: [],
}

async function open(t: TestContext, options: OpenOptions = {}): Promise<OpenService> {
  const opened = await openService(options)
  t.after(opened.close)
  return opened
}

describe('what a cloud is told of its guest', () => {
  it('is what we add, for an instance that we started there', async (t) => {
    const { service } = await open(t)
    const { remoteId } = await service.create({ spec: sampleSpec({ publicKeys: KEYS }) }, RED)
    assert.ok(remoteId)
    const told = await service.cloudVendorData('memory', remoteId)
    assert.match(told ?? '', /^#cloud-config\n/)
    assert.deepEqual(parse(told ?? '').ssh_authorized_keys, ['ssh-ed25519 BBBB bob'])
  })

  it('is nothing for a machine that we do not know, or that another provider has', async (t) => {
    const { service } = await open(t)
    const { remoteId } = await service.create({ spec: sampleSpec({ publicKeys: KEYS }) }, RED)
    assert.equal(await service.cloudVendorData('memory', 'no-such-machine'), undefined)
    assert.equal(await service.cloudVendorData('other', remoteId ?? ''), undefined)
  })

  it('is waited for while the answer to its create is on its way', async (t) => {
    const { service, provider, store } = await open(t, {
      answerMs: 1,
      cloud: { faults: { create: { after: 'timeout', times: 1 } } },
    })
    const { id } = await service.create({ spec: sampleSpec({ publicKeys: KEYS }) }, RED)
    let made = await provider.made(id)
    for (; made.length === 0; await turn()) made = await provider.made(id)
    assert.equal((await store.getInstance(id))?.remoteId, undefined, 'the cloud knows it before we do')
    assert.match((await service.cloudVendorData('memory', made[0]?.remoteId ?? '')) ?? '', /BBBB/)
  })

  it('is waited for once, where it never comes', async (t) => {
    const store = await sqliteStore(':memory:')
    t.after(() => store.close())
    await store.insertInstance(sampleInstance(), [])
    let looks = 0
    const counted = {
      getInstance: (id: string) => store.getInstance(id),
      listInstances: (filter: Parameters<typeof store.listInstances>[0]) => {
        looks++
        return store.listInstances(filter)
      },
    }
    const ask = cloudVendorData({ store: counted, closing: new AbortController().signal })
    assert.equal(await ask('memory', 'past-us'), undefined)
    assert.ok(looks > 2, 'it looked again')
    looks = 0
    assert.equal(await ask('memory', 'past-us'), undefined)
    assert.equal(looks, 1)
  })

  it('is not waited for when the service closes', async (t) => {
    const store = await sqliteStore(':memory:')
    t.after(() => store.close())
    await store.insertInstance(sampleInstance(), [])
    assert.equal(await cloudVendorData({ store, closing: AbortSignal.abort() })('memory', 'x'), undefined)
  })
})

describe('what a guest gets beside its cloud', () => {
  it('reports to us where it can reach us, else on its console', () => {
    const instance = sampleInstance({ plan: PLAN })
    assert.deepEqual(parse(besideCloud(instance, 'http://10.0.0.1:8788/report/id.x-Y_') ?? '').reporting.bellhop, {
      type: 'webhook',
      endpoint: 'http://10.0.0.1:8788/report/id.x-Y_',
      timeout: 2,
      retries: 1,
    })
    assert.deepEqual(parse(besideCloud(instance, undefined) ?? '').reporting.bellhop, { type: 'print' })
    assert.equal(besideCloud(sampleInstance(), undefined), undefined)
  })

  it('phones home to the same place, once', () => {
    const url = 'http://10.0.0.1:8788/report/id.x-Y_'
    const { phone_home: home } = parse(besideCloud(sampleInstance({ plan: PLAN }), url) ?? '')
    assert.deepEqual([home.url, home.tries], [url, 1])
  })

  it('has nothing of ours where tracking is off, and what the user asked for all the same', () => {
    const plan = { ...PLAN, tracking: false } as const
    assert.equal(besideCloud(sampleInstance({ plan }), 'http://10.0.0.1:8788/report/x'), undefined)
    const spec = sampleSpec({ publicKeys: KEYS })
    assert.equal(
      besideCloud(sampleInstance({ plan, spec }), 'http://10.0.0.1:8788/report/x'),
      '#cloud-config\nssh_authorized_keys: ["ssh-ed25519 BBBB bob"]\n',
    )
  })

  it('has the keys after the first, which the cloud carries', () => {
    const beside = (count: number) =>
      parse(
        besideCloud(
          sampleInstance({ plan: PLAN, spec: sampleSpec({ publicKeys: KEYS.slice(0, count) }) }),
          undefined,
        ) ?? '',
      )
    assert.equal(beside(0).ssh_authorized_keys, undefined)
    assert.equal(beside(1).ssh_authorized_keys, undefined)
    assert.deepEqual(beside(2).ssh_authorized_keys, ['ssh-ed25519 BBBB bob'])
  })

  it('has all files; those that are not root’s come when their owners are there', () => {
    const files = [
      { path: '/etc/plain', bytes: Buffer.from('plain') },
      { path: '/etc/secret', bytes: Buffer.of(0, 255), mode: 0o600, owner: 'root', group: 'root' },
      { path: '/home/alice/x', bytes: Buffer.of(), owner: 'alice' },
      { path: '/srv/y', bytes: Buffer.of(), group: 'www' },
    ]
    const text = besideCloud(sampleInstance({ spec: sampleSpec({ files }) }), undefined) ?? ''
    assert.deepEqual(parse(text), {
      write_files: [
        { path: '/etc/plain', encoding: 'b64', content: 'cGxhaW4=' },
        { path: '/etc/secret', encoding: 'b64', content: 'AP8=', permissions: '0600' },
        { path: '/home/alice/x', encoding: 'b64', content: '', owner: 'alice', defer: true },
        { path: '/srv/y', encoding: 'b64', content: '', owner: 'root:www', defer: true },
      ],
    })
  })

  it('is ASCII, and says what it was made of, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.uint8Array(), (text, bytes) => {
        const publicKeys = [KEYS[0] ?? assert.fail(), { name: 'x', text }]
        const spec = sampleSpec({ publicKeys, files: [{ path: `/${text}`, bytes }] })
        const beside = besideCloud(sampleInstance({ spec }), undefined) ?? ''
        assert.match(beside, /^[\n\x20-\x7e]*$/)
        const { ssh_authorized_keys: keys, write_files: files } = parse(beside)
        assert.deepEqual(keys, [text])
        assert.equal(files[0].path, `/${text}`)
        assert.deepEqual(Buffer.from(files[0].content, 'base64'), Buffer.from(bytes))
      }),
    )
  })
})
