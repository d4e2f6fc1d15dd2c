import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toPublicKey } from '../../model/context.ts'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import type { InstanceSpec } from '../../model/instance.ts'
import type { CreateRequest } from '../provider.ts'
import { makeServer } from './creation.ts'
import { lentKeys } from './keys.ts'
import type { Microversions } from './microversion.ts'
import { novaServers } from './servers.ts'
import { jsonReply, withReplayedSession, type ReplayedSession } from './testdata/session.ts'

const ID = '0b450db4-423f-4927-94c6-88bd035ad269'
const SERVER = '4535c4d8-91d8-4a47-b73c-37fe027dfd12'
const KEYS = ['a', 'b'].map((name) =>
  toPublicKey('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAnMa1tdYHOLlBV8FVZR2FJkrxzk+lPJ+gh8iSjTgQqz', name),
)
const FILE = { path: '/etc/ctx', bytes: Buffer.from('hello\n') }
const VERSIONS: Microversions = { spoken: 90, withFiles: 56 }

function requestFor(spec: Partial<InstanceSpec>): CreateRequest {
  return {
    id: ID,
    spec: { publicKeys: [], variables: {}, files: [], labels: {}, ...spec },
    image: { name: 'site-debian', provider: 'site', remoteId: '1d10116a', title: 'Debian' },
    size: { name: 'site-1', provider: 'site', remoteId: '1', title: 'tiny', cores: 1, memoryMiB: 128 },
    plan: { provider: 'site', deliveries: [], warnings: [] },
    offers: [],
  }
}

/** Makes a server at the recorded cloud, whose lists are empty but for one network. */
async function made(
  spec: Partial<InstanceSpec>,
  use: (rig: ReplayedSession, making: Promise<unknown>) => Promise<void>,
  { versions = VERSIONS, hasVendordata = false }: { versions?: Microversions; hasVendordata?: boolean } = {},
): Promise<void> {
  await withReplayedSession(async (rig) => {
    const { cloud, session } = rig
    cloud.answer = ({ method, path }) => {
      switch (`${method} ${path}`) {
        case 'GET /v2.1/servers/detail':
          return jsonReply({ servers: [] })
        case 'POST /v2.1/os-keypairs':
          return jsonReply({}, 201)
        case 'GET /v2.0/networks':
          return cloud.recorded('neutron-networks')
        case 'POST /v2.1/servers':
          return cloud.recorded('nova-server-create-2.1-personality')
        case `GET /v2.1/servers/${SERVER}`:
          return jsonReply({ server: { id: SERVER, name: 'files', status: 'BUILD' } })
        default:
          return undefined
      }
    }
    const [servers, keys] = [novaServers(session, 'site', versions.spoken), lentKeys(session, versions.spoken)]
    const making = makeServer({ session, servers, keys, versions }, requestFor(spec), { name: 'site', hasVendordata })
    await use(rig, making)
  })
}

/** What was sent to make it, and by which microversion. */
function sent({ cloud }: ReplayedSession): readonly [server: Readonly<Record<string, unknown>>, version: string] {
  const request = cloud.asked.find(({ method, path }) => method === 'POST' && path === '/v2.1/servers')
  if (!request) assert.fail('nothing was sent')
  const { server } = request.body as { server: Record<string, unknown> }
  return [server, request.headers['openstack-api-version'] ?? '']
}

describe('making a server', () => {
  it('sends files at the last microversion that has them, all else at the newest', () =>
    made({ files: [FILE], publicKeys: KEYS.slice(0, 1), name: 'files' }, async (rig, making) => {
      await making
      const [server, version] = sent(rig)
      assert.equal(version, 'compute 2.56')
      // As a real Nova took them.
      assert.deepEqual(server['personality'], [{ path: '/etc/ctx', contents: 'aGVsbG8K' }])
      assert.deepEqual([server['config_drive'], server['tags']], [true, [`bellhop:${ID}`]])
      assert.equal(server['key_name'], `bellhop-${ID}`)
      const others = rig.cloud.asked.filter(({ path }) => path.startsWith('/v2.1/') && !/limits|servers$/.test(path))
      assert.deepEqual(
        new Set(others.map(({ headers }) => headers['openstack-api-version'])),
        new Set(['compute 2.90']),
      )
    }))

  it('sends no files, and one key, where vendor data of ours bring them', () =>
    made(
      { files: [{ ...FILE, mode: 0o600 }], publicKeys: KEYS },
      async (rig, making) => {
        await making
        const [server, version] = sent(rig)
        assert.equal(version, 'compute 2.90')
        assert.ok(!('personality' in server))
        assert.ok(!rig.asked().includes('GET /v2.1/limits'))
      },
      { hasVendordata: true },
    ))

  const REFUSED: readonly (readonly [string, Partial<InstanceSpec>, ErrorCode, RegExp])[] = [
    ['a second key', { publicKeys: KEYS }, 'unsupported', /there are 2; site gives a guest 1; put the rest into user/],
    ['too many files', { files: Array.from({ length: 6 }, () => FILE) }, 'too-large', /there are 6; site takes 5/],
    // Nova counts base64: 10,240 characters are 7680 bytes.
    [
      'a large file',
      { files: [{ ...FILE, bytes: Buffer.alloc(7681) }] },
      'too-large',
      /7681 bytes; site takes 7680 in/,
    ],
    [
      'a long path',
      { files: [{ ...FILE, path: `/${'x'.repeat(255)}` }] },
      'too-large',
      /256 characters; site takes 255/,
    ],
    ['an owner', { files: [{ ...FILE, owner: 'root' }] }, 'unsupported', /own owner, which site does not carry/],
  ]
  for (const [what, spec, code, words] of REFUSED)
    it(`refuses ${what} before anything is made`, () =>
      made(spec, async (rig, making) => {
        await assert.rejects(making, (error) => isCloudError(error, code) && words.test(error.message))
        assert.deepEqual(
          rig.asked().filter((line) => !line.startsWith('GET ')),
          [],
        )
      }))

  it('refuses files where a cloud injects none any more', () =>
    made(
      { files: [FILE] },
      async (_rig, making) => {
        await assert.rejects(
          making,
          /files: this cloud injects none \(microversion 2\.90\); put the rest into user data/,
        )
      },
      { versions: { spoken: 90 } },
    ))
})
