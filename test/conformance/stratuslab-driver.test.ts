import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { parseContextSh } from '../../src/formats/context-sh.ts'
import { decodeBase64 } from '../../src/wire/base64.ts'
import { sha256 } from '../../src/model/digest.ts'
import { USER_DATA_MAX_BYTES } from '../../src/model/context.ts'
import { CloudError, type ErrorCode } from '../../src/model/errors.ts'
import { planDelivery } from '../../src/service/plan.ts'
import type { CreateRequest, Provider } from '../../src/providers/provider.ts'
import { stratusLabProvider, type StratusLabOptions } from '../../src/providers/stratuslab/index.ts'
import { connectLab, type TlsVersion } from '../../src/providers/stratuslab/connection.ts'
import { readStratusLab, type Wanted } from '../../src/providers/stratuslab/settings.ts'
import { renderTemplate } from '../../src/providers/stratuslab/template.ts'
import { createHttpClient } from '../../src/wire/http.ts'
import { parseXml } from '../../src/wire/xml.ts'
import {
  PROXY_PASSWORD,
  startOneProxy,
  templateIn,
  type OneProxy,
  type OneProxyOptions,
} from '../opennebula/one-proxy.ts'
import { startOpenNebula, type OpenNebula } from '../opennebula/opennebula.ts'
import { parseTemplateText } from '../opennebula/template-text.ts'
import { call, eventually, rejects } from './provider-calls.ts'

const IMAGE = 'BN1EEkPiBx87_uLj2-sdybSI-Xb'
const DISK = '8b1a9953-c461-4e7d-9c3f-0e1f6a7b2c4d'
const SECRET = 'wonder:land%40 "1"'
const KEY = { name: 'jane', text: 'ssh-rsa AAAAB3 jane@example.org' }

interface Rig {
  readonly one: OpenNebula
  readonly proxy: OneProxy
  readonly provider: Provider
  readonly request: (change?: Partial<CreateRequest['spec']>, more?: Partial<CreateRequest>) => CreateRequest
  /** Makes one, and waits until its guest has its disk. @returns what the guest reads, and what the front end was sent */
  readonly made: (
    change?: Partial<CreateRequest['spec']>,
    more?: Partial<CreateRequest>,
  ) => Promise<{ readonly context: ReadonlyMap<string, string>; readonly template: string }>
}

interface RigOptions extends Partial<Pick<StratusLabOptions, 'contextMethod' | 'network'>> {
  readonly wanted?: Wanted
  readonly files?: Readonly<Record<string, string>>
  readonly tls?: NonNullable<OneProxyOptions['tls']>
}

/** A front end behind its proxy, and a driver that comes with a password unless it is told otherwise. */
async function rig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  const { wanted = { username: 'jane', passwordFile: 'password' }, files = {}, tls, ...own } = options
  const one = await startOpenNebula(t, { version: '3.2' })
  for (const name of ['jane', 'CN%3Djane']) one.addUser({ name, password: PROXY_PASSWORD })
  for (const name of ['public', 'private'])
    one.addNetwork({
      name,
      mode: '644',
      range: { first: name === 'public' ? '192.0.2.10' : '198.51.100.10', size: 200 },
    })
  const proxy = await startOneProxy(t, one, { users: { jane: SECRET }, ...(tls ? { tls } : {}) })
  const around = {
    env: {},
    readFile: (path: string) => {
      const text = { password: `${SECRET}\n`, ...files }[path]
      return text === undefined
        ? Promise.reject(Object.assign(new Error('none'), { code: 'ENOENT' }))
        : Promise.resolve(text)
    },
    home: '/home',
  }
  const settings = await readStratusLab(
    { endpoint: proxy.url, pdiskEndpoint: 'https://cloud.example.org/pdisk', ...wanted },
    around,
  )
  const http = tls ? connectLab(settings.tls) : createHttpClient({ sleep: () => Promise.resolve() })
  const provider = stratusLabProvider({
    ...own,
    name: 'lab',
    settings,
    http,
    images: [{ id: IMAGE }, { id: DISK, format: 'qcow2', target: 'vda' }],
  })
  t.after(() => provider.close?.())
  const [[image], [size]] = [await provider.images(call()), await provider.sizes(call())]
  if (!image || !size) assert.fail('there is an image and a size')
  const request: Rig['request'] = (change, more) => ({
    id: randomUUID(),
    image,
    size,
    spec: { name: 'web', publicKeys: [], variables: {}, files: [], labels: {}, ...change },
    plan: { provider: 'lab', deliveries: [], warnings: [] },
    offers: [],
    ...more,
  })
  return {
    one,
    proxy,
    provider,
    request,
    made: async (change, more) => {
      const { remoteId } = await provider.create(request(change, more), call())
      const template = proxy.bodies.map(templateIn).findLast((each) => each !== undefined) ?? ''
      await eventually('the guest has its disk', 10_000, async () => {
        assert.ok(one.contextOf(Number(remoteId)))
      })
      return { context: parseContextSh(one.contextOf(Number(remoteId)) ?? ''), template }
    },
  }
}

function failsWith(promise: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof CloudError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes('wonder'), error.message)
    return true
  })
}

/** As cloud-init's disk is made from it. */
function unpacked(context: ReadonlyMap<string, string>): Uint8Array {
  return gunzipSync(decodeBase64(context.get('CLOUD_INIT_USER_DATA') ?? '', 'CLOUD_INIT_USER_DATA'))
}

describe('user data of a StratusLab', () => {
  it("are sent as StratusLab's own client sends them", async (t) => {
    const recorded = parseXml(
      await readFile(new URL('../opennebula/testdata/allocate-stratuslab-context.req.xml', import.meta.url), 'utf8'),
    )
    const theirs = recorded.children[1]?.children[1]?.children[0]?.children[0]?.text ?? ''
    const contextIn = (template: string): string => /CONTEXT = \[[^\]]*\]/.exec(template)?.[0] ?? ''
    const packedIn = (template: string): Buffer =>
      Buffer.from(/USER_DATA = "([^"]*)"/.exec(template)?.[1] ?? '', 'base64')
    const userData = gunzipSync(packedIn(theirs))
    const { made } = await rig(t)
    const { template, context } = await made({ userData, publicKeys: [KEY] })
    assert.ok(userData.equals(unpacked(context)))
    // Two programs may pack alike bytes in two ways.
    const withoutPacked = (text: string): string => text.replace(/USER_DATA = "[^"]*"/, 'USER_DATA = "…"')
    assert.equal(withoutPacked(contextIn(template)), withoutPacked(contextIn(theirs)))
  })

  it('reach cloud-init byte for byte: what the front end gets unpacks to the same digest', async (t) => {
    const { made } = await rig(t)
    const script = Buffer.from('#!/bin/sh\r\necho "$HOME" `id` \'é\' 😀 \\ \0\n]]>@^_^@\n')
    for (const userData of [script, Buffer.from('#cloud-config\n{}\n'), Buffer.from('{"any": "json"}')]) {
      const { context } = await made({ userData })
      assert.equal(context.get('CONTEXT_METHOD'), 'cloud-init')
      assert.equal(sha256(unpacked(context)), sha256(userData))
    }
  })

  it('reach HEPiX images byte for byte, as do data that are no text', async (t) => {
    const { made } = await rig(t)
    for (const userData of [Buffer.from('[amiconfig]\nplugins=cernvm\n'), randomBytes(3000)]) {
      const { context } = await made({
        userData,
        publicKeys: [KEY],
        hostname: 'web.example.org',
        variables: { ROLE: 'a b' },
      })
      assert.equal(context.get('CONTEXT_METHOD'), undefined)
      assert.equal(sha256(decodeBase64(context.get('EC2_USER_DATA') ?? '', '')), sha256(userData))
      assert.equal(context.get('PUBLIC_KEY'), `${KEY.text}\n`)
      assert.equal(context.get('SET_HOSTNAME'), 'web.example.org')
      assert.equal(context.get('ROLE'), 'a b')
      assert.equal(context.get('TARGET'), 'hdd')
    }
  })

  it('of any bytes come by the one or the other method, or are refused, and nothing ever stands in clear', async (t) => {
    const { made } = await rig(t)
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.string().map((text) => Buffer.from(`#!/bin/sh\n${text}`)),
    )
    await fc.assert(
      fc.asyncProperty(anything, async (userData) => {
        const { context } = await made({ userData })
        const base64 = context.get('EC2_USER_DATA')
        const bytes = context.has('CONTEXT_METHOD') ? unpacked(context) : decodeBase64(base64 ?? '', '')
        assert.equal(sha256(bytes), sha256(userData))
        for (const value of context.values()) assert.match(value, /^[A-Za-z0-9+/=._:@, \n-]+$/)
      }),
      { numRuns: 30 },
    )
  })

  it('may have 16384 bytes once they are packed, and no more', async (t) => {
    const { made, provider, request } = await rig(t)
    const userData = Buffer.from(`#!/bin/sh\n${' '.repeat(1_000_000)}`)
    const { context } = await made({ userData })
    assert.equal(sha256(unpacked(context)), sha256(userData))
    const dense = Buffer.from(`#!/bin/sh\n# ${randomBytes(20_000).toString('hex')}\n`)
    await failsWith(
      provider.create(request({ userData: dense }), call()),
      'too-large',
      /^userData is 40013 bytes, and 2\d{4} packed by gzip; lab takes 16384 packed$/,
    )
    await failsWith(
      provider.create(request({ userData: Buffer.alloc(32_769, 0xff) }), call()),
      'too-large',
      /^userData is 32769 bytes; lab takes 32768 by the method one$/,
    )
  })
})

describe('a plan for a StratusLab', () => {
  it('names the one disk that the guest gets, and says that nothing will show whether it was taken', async (t) => {
    const { provider, request, made } = await rig(t)
    const rules = { servesMetadata: true, userDataMaxBytes: USER_DATA_MAX_BYTES }
    const { spec } = request({ userData: Buffer.from('#!/bin/sh\n') })
    const plan = planDelivery(spec, provider, rules)
    const { deliveries, warnings } = plan
    assert.deepEqual(
      deliveries.map(({ method, by, layouts }) => ({ method, by, layouts })),
      [{ method: 'disk', by: 'provider', layouts: ['stratuslab'] }],
    )
    assert.equal((await made(spec, { plan })).context.get('CONTEXT_METHOD'), 'cloud-init')
    const other = deliveries.map((each) => ({ ...each, layouts: ['stratuslab-one'] }))
    const { context } = await made(spec, { plan: { ...plan, deliveries: other } })
    assert.equal(context.get('CONTEXT_METHOD'), undefined, 'the driver does as the plan says')
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['no-evidence'],
    )
  })
})

describe('a StratusLab of one method', () => {
  it('says so in its capabilities, and carries all by that one', async (t) => {
    const { made, provider } = await rig(t, { contextMethod: 'one' })
    assert.deepEqual(
      provider.capabilities.deliveries.map(({ layouts }) => layouts),
      [['stratuslab-one']],
    )
    const userData = Buffer.from('#!/bin/sh\n')
    assert.equal((await made({ userData })).context.get('EC2_USER_DATA'), userData.toString('base64'))
  })

  it('refuses what that one cannot carry', async (t) => {
    const { provider, request } = await rig(t, { contextMethod: 'cloud-init' })
    assert.deepEqual(
      provider.capabilities.deliveries.map(({ layouts }) => layouts),
      [['stratuslab']],
    )
    await failsWith(
      provider.create(request({ userData: Buffer.from([0xff]) }), call()),
      'unsupported',
      /^userData: it is no UTF-8 text.*\(1 bytes\).*contextMethod/,
    )
    await failsWith(provider.create(request({ variables: { ROLE: 'web' } }), call()), 'unsupported', /^variables: /)
  })
})

describe('a machine of a StratusLab', () => {
  it('has image, size, swap, our id for its own, and a card', async (t) => {
    const { made, provider, request } = await rig(t)
    const id = randomUUID()
    const { template } = await made({ name: 'my "web" $1' }, { id })
    for (const line of ['CPU = "1"', 'VCPU = "1"', 'MEMORY = "1536"', 'NAME = "my -web- -1"', `UUID = "${id}"`])
      assert.ok(template.includes(`${line}\n`), `${line} in ${template}`)
    assert.match(
      template,
      new RegExp(`DISK = \\[\nsource = "https://marketplace.stratuslab.eu/metadata/${IMAGE}",\ntarget = "hda"`),
    )
    assert.match(template, /DISK = \[\ntype = "swap",\nsize = "1536",\ntarget = "hdb",\nreadonly = "no"\n\]/)
    assert.match(template, /NIC = \[\nnetwork_uname = "oneadmin",\nnetwork = "public"\n\]/)
    const found = await provider.find(id, call())
    assert.equal(found?.ourId, id)
    assert.match(found?.network?.nics[0]?.addresses[0]?.address ?? '', /^192\.0\.2\.\d+$/)

    const [, disk] = await provider.images(call())
    assert.ok(disk)
    const second = await made({}, { image: disk, networks: [{ linkId: randomUUID(), networkRemoteId: '1' }] })
    assert.match(
      second.template,
      new RegExp(`source = "pdisk:https://cloud.example.org/pdisk/${DISK}",\ntarget = "vda"`),
    )
    assert.match(second.template, /target = "vdb"/)
    assert.match(second.template, /driver = "qcow2"/)
    assert.match(second.template, /network = "private"/)
    await rejects(
      provider.create(request({}, { networks: [{ linkId: 'x', networkRemoteId: '9' }] }), call()),
      'not-found',
    )
  })

  it('always has a public key, and for cloud-init all of them whole', async (t) => {
    const { made, provider, request } = await rig(t)
    assert.equal((await made()).context.get('PUBLIC_KEY'), 'none')
    const restricted = { name: 'backup', text: 'command="rsync --server" ssh-ed25519 AAAAC3Nza backup' }
    const named = { name: 'jane', text: "ssh-ed25519 AAAAC3Nz jane's (laptop)" }
    const { context } = await made({ userData: Buffer.from('#!/bin/sh\n'), publicKeys: [restricted, named] })
    assert.equal(context.get('PUBLIC_KEY'), 'ssh-ed25519 AAAAC3Nz jane-s-laptop-\n')
    const keys = Buffer.from(context.get('CLOUD_INIT_AUTHORIZED_KEYS') ?? '', 'base64').toString()
    assert.equal(keys, `${restricted.text}\n${named.text}\n`)
    await failsWith(
      provider.create(request({ publicKeys: [restricted] }), call()),
      'unsupported',
      /^publicKeys: "backup" has options/,
    )
  })

  it('takes no variable that the guest would read otherwise, and none of the names that are taken', async (t) => {
    const { provider, request, proxy } = await rig(t)
    for (const value of ['$HOME', '`id`', 'a"b', String.raw`a\b`, "it's", '', 'é', 'a\tb', '@^_^@', '#x'])
      await failsWith(provider.create(request({ variables: { WISH: value } }), call()), 'invalid', /^variables: WISH /)
    for (const name of [
      'TARGET',
      'FILES',
      'CONTEXT_METHOD',
      'CLOUD_INIT_USER_DATA',
      'PUBLIC_KEY',
      'SCRIPT_EXEC',
      'DISK_ID',
      'lower',
      'A-B',
      '1A',
    ])
      await failsWith(provider.create(request({ variables: { [name]: 'x' } }), call()), 'invalid', /^variables: /)
    assert.deepEqual(
      proxy.bodies.map(templateIn).filter((each) => each !== undefined),
      [],
    )
  })

  it('is made once where the answer was lost, and not again once it was deleted', async (t) => {
    const { one, provider, request } = await rig(t)
    const wanted = request()
    one.setFaults([{ method: 'one.vm.allocate', happens: 'drop-after' }])
    await rejects(provider.create(wanted, call()), 'unavailable')
    one.setFaults([])
    const found = await provider.find(wanted.id, call())
    assert.ok(found)
    assert.equal((await provider.create(wanted, call())).remoteId, found.remoteId)
    assert.equal(one.vms().length, 1)
    await provider.delete(found.remoteId, call())
    await rejects(provider.create(wanted, call()), 'conflict')
    assert.equal(one.vms().length, 1)
  })

  it('is deleted in whatever state it is, and neither switched off nor on', async (t) => {
    const { one, provider, request } = await rig(t)
    const { remoteId } = await provider.create(request(), call())
    one.setVmState(Number(remoteId), 7)
    assert.equal((await provider.get(remoteId, call())).state, 'error')
    for (const action of ['start', 'stop'] as const)
      await failsWith(provider.act(remoteId, action, call()), 'unsupported', /switches no machine off/)
    await provider.delete(remoteId, call())
    assert.equal(one.vms()[0]?.state, 6)
    await provider.discard?.(randomUUID(), call())
  })
})

describe('the way into a StratusLab', () => {
  it('is by user name and password, and nobody without gets through', async (t) => {
    const { proxy, provider } = await rig(t)
    await provider.list(call())
    assert.equal(new Set(proxy.paths).size, 1)
    assert.equal(proxy.paths[0], '/one-proxy/pswd/xmlrpc')
    const other = await rig(t, { wanted: { username: 'jane', passwordFile: 'other' }, files: { other: 'wonderful' } })
    for (const asked of [other.provider.list(call()), other.provider.create(other.request(), call())])
      await failsWith(
        asked,
        'unauthenticated',
        /^lab: one\.\w+\.\w+: StratusLab's proxy refuses user name and password.*\(401\)$/,
      )
    assert.equal(other.one.vms().length, 0)
  })

  it('is by certificate', { skip: noOpenssl() }, async (t) => {
    const [server, client, stranger] = [
      await certificate('server'),
      await certificate('jane'),
      await certificate('eve'),
    ]
    const tls = { ...server, ca: client.cert }
    const files = {
      'ca.pem': server.cert,
      'jane.pem': client.cert,
      'jane.key': client.key,
      'eve.pem': stranger.cert + stranger.key,
    }
    const wanted = { certificateFile: 'jane.pem', keyFile: 'jane.key', caFile: 'ca.pem' }
    const { made, proxy, one } = await rig(t, { wanted, files, tls })
    await made()
    assert.equal(proxy.paths[0], '/one-proxy/cert/xmlrpc')
    assert.match(proxy.bodies[0] ?? '', /<string>dummy:pass<\/string>/)
    assert.equal(one.vms()[0]?.owner.name, 'CN%3Djane')
    const other = await rig(t, { wanted: { certificateFile: 'eve.pem', caFile: 'ca.pem' }, files, tls })
    await failsWith(other.provider.list(call()), 'unauthenticated', /refuses the certificate.*\(401\)$/)
  })

  for (const [version, maxVersion] of [
    ['1.0', 'TLSv1'],
    ['1.1', 'TLSv1.1'],
    ['1.2', 'TLSv1.2'],
  ] as const)
    it(
      `may be as old as TLS ${version}, where the site's settings say so, and never by itself`,
      { skip: noOpenssl() },
      async (t) => {
        const server = await certificate('server')
        const tls = { ...server, ca: server.cert, maxVersion }
        const files = { 'ca.pem': server.cert }
        const wanted = { username: 'jane', passwordFile: 'password', caFile: 'ca.pem' }
        const listed = async (minTlsVersion?: TlsVersion) => {
          const said = minTlsVersion === undefined ? wanted : { ...wanted, minTlsVersion }
          const { proxy, provider } = await rig(t, { wanted: said, files, tls })
          return { asked: provider.list(call()), proxy }
        }
        for (const minTlsVersion of ['1.0', version] as const)
          assert.deepEqual(await (await listed(minTlsVersion)).asked, [])
        for (const tooNew of version === '1.2' ? (['1.3'] as const) : ([undefined, '1.2'] as const)) {
          const { asked, proxy } = await listed(tooNew)
          await assert.rejects(asked)
          assert.deepEqual(proxy.paths, [], 'nothing was said, and no password shown')
        }
      },
    )

  it('tells in a few words what the front end refuses, and nothing of what was sent', async (t) => {
    const { one, provider, request } = await rig(t, { network: 'nowhere' })
    await failsWith(
      provider.create(request({ userData: Buffer.from('#!/bin/sh\n') }), call()),
      'provider-failed',
      /^lab: one\.vm\.allocate: refused with code 8192$/,
    )
    const quota = await rig(t)
    quota.one.setQuota(2, 0)
    await failsWith(quota.provider.create(quota.request(), call()), 'conflict', /code 512: a quota is used up$/)
    await failsWith(provider.get('7', call()), 'not-found', /^lab: one\.vm\.info: refused with code 1024: /)
    one.setFaults([{ method: 'one.vmpool.info', happens: 'half' }])
    await rejects(provider.list(call()), 'unavailable')
  })
})

it('a template that we write is read by OpenNebula 3.2 as it was meant', () => {
  const clear = fc.string({ unit: fc.constantFrom(...Array.from('aZ09+/=._:@, \n-')), minLength: 1 })
  const key = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/)
  const parts = fc.uniqueArray(fc.tuple(key, clear), { selector: ([name]) => name, minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.oneof(clear, parts))), (attributes) => {
      const read = parseTemplateText(renderTemplate(attributes), { xml: false, emptyValues: false, unescapes: false })
      assert.deepEqual(read, {
        template: attributes.map(([name, value]) => ({
          name,
          value: typeof value === 'string' ? value : new Map(value),
        })),
      })
    }),
  )
})

function noOpenssl(): string | false {
  return spawnSync('openssl', ['version']).status === 0 || process.env['CI'] !== undefined
    ? false
    : 'openssl is missing: apt-get install openssl'
}

async function certificate(name: string): Promise<{ readonly key: string; readonly cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync('openssl', ['req', '-x509', ...ec, '-nodes', '-keyout', key, '-out', cert, '-days', '2', ...subject], {
      stdio: 'ignore',
    })
    return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') }
  } finally {
    await rm(folder, { recursive: true })
  }
}
