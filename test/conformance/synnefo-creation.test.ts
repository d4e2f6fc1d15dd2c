import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isObject } from '../../src/formats/json.ts'
import { nocloud } from '../../src/layouts/nocloud.ts'
import { sha256 } from '../../src/model/digest.ts'
import { CloudError, isCloudError, type ErrorCode } from '../../src/model/errors.ts'
import type { Customized, GuestFile } from '../synnefo/model.ts'
import type { Synnefo } from '../synnefo/synnefo.ts'
import { call, eventually, rejects } from './provider-calls.ts'
import { openRig } from './synnefo-rig.ts'

const SEED = '/var/lib/cloud/seed/nocloud-net'
const CERNVM = '/cernvm/extra-user-data'
const ROOT_KEYS = '/root/.ssh/authorized_keys'
const DATA = Buffer.from(Array.from({ length: 7680 }, (_, index) => (index * 7) & 0xff))
const KEYS = ['ed25519', 'rsa'].map((type) => ({ name: type, text: `ssh-${type} AAAAB3NzaC1 ${type}` }))

/** The bodies with which servers were asked for, but for the one that no site can make. */
function bodiesIn({ asked }: Synnefo): readonly Readonly<Record<string, unknown>>[] {
  return asked.flatMap(({ method, path, body }) => {
    const server = method === 'POST' && path === '/servers' && isObject(body) ? body['server'] : undefined
    return isObject(server) && server['flavorRef'] !== 'none' ? [server] : []
  })
}

function refuses(promise: Promise<unknown>, code: ErrorCode, ...words: readonly string[]): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(isCloudError(error, code), String(error))
    for (const word of words) assert.ok(error.message.includes(word), `${word}: ${error.message}`)
    return true
  })
}

function fileIn({ files }: Customized, path: string): GuestFile {
  return files.get(path) ?? assert.fail(`there is no ${path}`)
}

function textIn(guest: Customized, path: string): string {
  return Buffer.from(fileIn(guest, path).bytes).toString('utf8')
}

describe('a server of Synnefo, whose image reads no user data', () => {
  it('has them as the files that stock images read, for root alone, with its own name as instance id', async (t) => {
    const { site, made } = await openRig(t)
    const { server, guest } = await made({ userData: DATA, name: 'Web Server', hostname: 'web1', publicKeys: KEYS })
    const context = await nocloud.read((path) => Promise.resolve(guest.files.get(`${SEED}/${path}`)?.bytes))
    assert.equal(sha256(context?.userData ?? Buffer.of()), sha256(DATA))
    assert.equal(context?.guestId, server.name)
    assert.equal(context?.hostname, 'web1')
    assert.deepEqual(
      context?.publicKeys?.map(({ text }) => text),
      KEYS.map(({ text }) => text),
    )
    assert.equal(sha256(fileIn(guest, CERNVM).bytes), sha256(DATA))
    for (const path of [`${SEED}/meta-data`, `${SEED}/user-data`, CERNVM]) {
      const { mode, uid, gid } = fileIn(guest, path)
      assert.deepEqual([mode, uid, gid], [0o600, 0, 0], path)
    }
    assert.equal(server.params.userData, undefined, 'Synnefo would drop them in silence')
    assert.equal(bodiesIn(site)[0]?.['user_data'], undefined)
  })

  it('has a name of its own, whatever its title', async (t) => {
    const { made, provider } = await openRig(t)
    const titles = ['web', 'web', 'π/../"\n', undefined, `a${'b'.repeat(400)}`, '...', 'x y.z-']
    const servers = []
    for (const name of titles) {
      const { server } = await made(name === undefined ? {} : { name })
      servers.push(server)
      assert.match(server.name, /^(?:[a-z0-9.-]+-)?bellhop-[0-9a-f-]{36}$/)
      assert.ok(server.name.length <= 255)
    }
    assert.equal(new Set(servers.map(({ name }) => name)).size, titles.length)
    assert.equal(new Set((await provider.list(call())).map(({ ourId }) => ourId)).size, titles.length)
  })

  it('is not made with user data that fit into no file, however well the site knows others', async (t) => {
    const { site, provider, request, from } = await openRig(t)
    const tooMuch = request({ userData: Buffer.concat([DATA, Buffer.of(0)]), publicKeys: KEYS })
    await refuses(provider.create(tooMuch, call()), 'too-large', '7681', '7680', 'gzip', '#include')
    await provider.create({ ...tooMuch, ...from('cloud-init') }, call())
    const most = { ...from('cloud-init'), ...request({ userData: Buffer.alloc(98_284) }) }
    await refuses(provider.create({ ...most, ...from('cloud-init') }, call()), 'too-large', '98284', '98283')
    assert.equal(site.servers().length, 1)
    assert.deepEqual(site.keyPairs(), [])
  })

  it('is not made with more files than there is room for beside its data', async (t) => {
    const { site, provider, request, made } = await openRig(t)
    const files = ['/a', '/b', '/c'].map((path) => ({ path, bytes: Buffer.from(path) }))
    await refuses(provider.create(request({ files, userData: DATA }), call()), 'too-large', 'there are 3', 'takes 2')
    await refuses(
      provider.create(request({ files: [{ path: CERNVM, bytes: DATA }], userData: DATA }), call()),
      'conflict',
      CERNVM,
    )
    assert.equal(site.servers().length, 0)
    const { guest } = await made({ files: files.slice(0, 2), userData: DATA })
    assert.equal(guest.files.size, 5)
  })
})

describe('a server of Synnefo, whose image reads user data', () => {
  it('has them in that way alone, where the site knows them', async (t) => {
    const { site, made, from } = await openRig(t)
    const file = { path: '/etc/app.conf', bytes: Buffer.from('x'), mode: 0o640, owner: 'debian', group: 'debian' }
    const userData = randomBytes(98_283)
    const { server, guest } = await made({ userData, files: [file] }, from('cloud-init'))
    assert.equal(sha256(fileIn(guest, `${SEED}/user-data`).bytes), sha256(userData))
    assert.deepEqual([...guest.late.keys()], ['/etc/app.conf'])
    assert.deepEqual(server.params.personality, [
      { path: '/etc/app.conf', contents: 'eA==', mode: 0o640, owner: 'debian', group: 'debian' },
    ])
    await made({ userData: DATA }, from('cloud-init'))
    const probes = site.asked.filter(({ path, method }) => path === '/servers' && method === 'POST').length
    assert.equal(probes, 3, 'what the site knows is found out once')
  })

  it('has them as files too, where the site does not know them', async (t) => {
    const { made, from } = await openRig(t, { version: '0.19' })
    const { server, guest } = await made({ userData: DATA }, from('cloud-init'))
    assert.equal(server.params.userData, undefined)
    assert.equal(sha256(guest.late.get(`${SEED}/user-data`)?.bytes ?? Buffer.of()), sha256(DATA))
    assert.ok(guest.late.has(CERNVM))
  })

  it('has keys that YAML does not spoil, or is not made', async (t) => {
    const { site, provider, made, request, from } = await openRig(t)
    const key = (text: string) => [{ name: 'k', text }]
    const plain = 'ssh-ed25519 AAAAC3NzaC1'
    const { server } = await made({ publicKeys: key(`${plain} my: laptop #1`) }, from('cloud-init'))
    assert.equal(server.params.authKeys, plain)
    const options = `from="*.example.org" ${plain} me`
    await refuses(
      provider.create(request({ publicKeys: key(options) }, from('cloud-init')), call()),
      'unsupported',
      'options',
    )
    assert.equal(site.servers().length, 1)
    const other = await made({ publicKeys: key(options) })
    assert.equal(textIn(other.guest, ROOT_KEYS), `${options}\n`)
  })
})

describe('the public keys of a server of Synnefo', () => {
  for (const [version, byFile] of [
    ['0.16', [true, true]],
    ['0.19', [false, true]],
    ['0.20', [false, false]],
  ] as const)
    it(`reach it as key pairs, or in a file where the site is too old: ${version}`, async (t) => {
      const { site, made } = await openRig(t, { version })
      for (const [count, isFile] of [
        [1, byFile[0]],
        [2, byFile[1]],
      ] as const) {
        const publicKeys = KEYS.slice(0, count)
        const { server, guest } = await made({ publicKeys })
        assert.equal(textIn(guest, ROOT_KEYS), publicKeys.map(({ text }) => `${text}\n`).join(''))
        assert.equal(fileIn(guest, ROOT_KEYS).mode, 0o600)
        assert.equal(server.params.personality.length, isFile ? 1 : 0)
        assert.equal(server.keyNames.length, isFile ? 0 : count)
      }
      assert.deepEqual(site.keyPairs(), [], 'what was lent is taken back')
    })

  it('are lent one server after the other, for the account has few', async (t) => {
    const { site, provider, request } = await openRig(t, { limits: { keyPairs: 2 } })
    await Promise.all(Array.from({ length: 5 }, () => provider.create(request({ publicKeys: KEYS }), call())))
    assert.equal(site.servers().length, 5)
    assert.deepEqual(site.keyPairs(), [])
  })

  it('are a conflict where the account has no room, and none of them stays', async (t) => {
    const { site, provider, request } = await openRig(t, { limits: { keyPairs: 1 } })
    await refuses(provider.create(request({ publicKeys: KEYS }), call()), 'conflict', 'publicKeys', 'key pairs')
    assert.deepEqual([site.servers().length, site.keyPairs()], [0, []])
    const eleven = Array.from({ length: 11 }, () => ({ name: 'k', text: 'ssh-rsa AAAA' }))
    await refuses(provider.create(request({ publicKeys: eleven }), call()), 'unsupported', '11', '10')
  })
})

describe("a server's own files in Synnefo", () => {
  it('are there as they were given, or it is not made', async (t) => {
    const { site, provider, request, from } = await openRig(t, { stepMs: 0, limits: { servers: 1000 } })
    const part = fc.oneof(
      {
        weight: 20,
        arbitrary: fc.constantFrom('etc', 'a-b', 'x.d', '...', '$(id)', "'q'", '~', '"', '`', '&;', '{a,b}'),
      },
      { weight: 1, arbitrary: fc.constantFrom('..', '.', '', 'a b', '\\', '*', '[a]', 'é', '\n', '?') },
    )
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
    const owner = fc.oneof(fc.constantFrom('root', 'debian'), fc.constantFrom('0', 'a.b', '', undefined))
    const contents = fc.uint8Array({ maxLength: 20 })
    const mode = fc.option(fc.integer({ min: 0, max: 0o7777 }), { nil: undefined })
    let [whole, refused] = [0, 0]
    await fc.assert(
      fc.asyncProperty(path, contents, mode, owner, fc.boolean(), async (path, bytes, mode, owner, isLate) => {
        const file = {
          path,
          bytes,
          ...(mode === undefined ? {} : { mode }),
          ...(owner === undefined ? {} : { owner, group: owner }),
        }
        const before = site.servers().length
        try {
          const asked = request({ files: [file] }, isLate ? from('cloud-init') : {})
          const { remoteId } = await provider.create(asked, call())
          await eventually('it runs', 5000, async () => {
            const { state, reason } = await provider.get(remoteId, call())
            assert.deepEqual([state, reason], ['active', undefined])
          })
          const guest = site.customized(Number(remoteId)) ?? assert.fail()
          const found = (isLate ? guest.late : guest.files).get(path) ?? assert.fail(`${path} is not there`)
          assert.deepEqual(Buffer.from(found.bytes), Buffer.from(bytes))
          assert.equal(found.mode, mode ?? 0o440)
          whole += 1
        } catch (error) {
          if (!(error instanceof CloudError) || error.code !== 'unsupported') throw error
          assert.equal(site.servers().length, before)
          refused += 1
        }
      }),
      { numRuns: 100 },
    )
    assert.ok(whole > 20 && refused > 5, `${whole} were made, ${refused} refused`)
  })

  it('make it an error with the reason, where the image does not know their owner', async (t) => {
    const { provider, request } = await openRig(t)
    const files = [{ path: '/etc/x', bytes: Buffer.of(), owner: 'nobody-here' }]
    const { remoteId } = await provider.create(request({ files }), call())
    await eventually('it fails', 5000, async () => {
      const { state, reason } = await provider.get(remoteId, call())
      assert.equal(state, 'error')
      assert.match(reason ?? '', /nobody-here.*does not exist/)
    })
  })
})

describe('a new server of Synnefo', () => {
  it('is made from what is ready, with a size that servers can be made with', async (t) => {
    const { provider } = await openRig(t)
    const [images, sizes] = [await provider.images(call()), await provider.sizes(call())]
    assert.deepEqual(
      images.map(({ remoteId }) => remoteId),
      ['image-plain', 'image-cloud-init'],
    )
    assert.deepEqual(sizes, [
      {
        name: 'okeanos-42',
        provider: 'okeanos',
        remoteId: '42',
        title: 'C1R512D10_42',
        cores: 1,
        memoryMiB: 512,
        diskGiB: 10,
      },
    ])
  })

  it('is on the networks that it is linked to, told apart from those of the site', async (t) => {
    const { provider, made } = await openRig(t, { forced: [1, 3], byDefault: [2] })
    const networks = [
      { linkId: randomUUID(), networkRemoteId: '1' },
      { linkId: randomUUID(), networkRemoteId: '2' },
      { linkId: randomUUID(), networkRemoteId: '1', address: '192.168.0.77' },
    ]
    const { server } = await made({}, { networks })
    const { network, attached = [], facts } = await provider.get(String(server.id), call())
    const [, , first, second, third] = network?.nics ?? []
    assert.deepEqual(
      attached.map(({ linkId, mac }) => [linkId, mac]),
      networks.map(({ linkId }, index) => [linkId, [first, second, third][index]?.mac]),
    )
    assert.deepEqual(
      [attached[1]?.address, attached[2]?.address, facts?.publicIpv4],
      ['203.0.113.5', '192.168.0.77', '203.0.113.5'],
    )
    const [link] = networks
    assert.deepEqual(await provider.networks?.attach(String(server.id), link ?? assert.fail(), call()), attached[0])
    const other = { linkId: randomUUID(), networkRemoteId: '1' }
    await rejects(provider.networks?.attach(String(server.id), other, call()) ?? Promise.resolve(), 'unsupported')
  })

  it('is refused where a network has no address for it, or it wishes for a hardware address', async (t) => {
    const { site, provider, request, made } = await openRig(t)
    const networks = [{ linkId: randomUUID(), networkRemoteId: '2' }]
    await made({}, { networks })
    await rejects(provider.create(request({}, { networks }), call()), 'conflict')
    const mac = [{ linkId: randomUUID(), networkRemoteId: '1', mac: '02:00:00:00:00:01' }]
    await rejects(provider.create(request({}, { networks: mac }), call()), 'unsupported')
    assert.equal(site.servers().length, 1)
  })

  it('is charged to the project of the settings, and asks for no networks of its own', async (t) => {
    const { site, made } = await openRig(t, { project: 'a-project', byDefault: [1] })
    const { server } = await made()
    assert.equal(server.project, 'a-project')
    assert.equal(server.ports.length, 1)
    assert.ok(!Object.hasOwn(bodiesIn(site)[0] ?? {}, 'networks'))
  })

  it('is refused by a full quota as a conflict', async (t) => {
    const { provider, request } = await openRig(t, { limits: { servers: 0 } })
    await refuses(provider.create(request(), call()), 'conflict', 'Resource Limit Exceeded')
  })

  it('is refused by stricter limits of a site as too large, and repeats nothing of the data', async (t) => {
    const { site, provider, request } = await openRig(t, { limits: { personalityCharacters: 100 } })
    const userData = Buffer.from('s3cret'.repeat(50))
    await assert.rejects(provider.create(request({ userData, publicKeys: KEYS }), call()), (error) => {
      assert.ok(isCloudError(error, 'too-large'))
      assert.doesNotMatch(error.message, new RegExp(`s3cret|${userData.toString('base64').slice(0, 12)}`))
      return true
    })
    assert.deepEqual(site.keyPairs(), [])
  })
})
