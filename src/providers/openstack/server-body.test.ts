import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import type { InstanceSpec } from '../../model/instance.ts'
import type { CreateRequest } from '../provider.ts'
import { serverName, toServerBody, USER_DATA_MAX_BYTES } from './server-body.ts'
import { ourIdOf } from './server-state.ts'

const ID = '0b450db4-423f-4927-94c6-88bd035ad269'
const NETWORKS = [{ uuid: '2d6586f6-be3c-448c-88a0-235b8068a7e3' }]

function requestFor(spec: Partial<InstanceSpec>): CreateRequest {
  return {
    id: ID,
    spec: { publicKeys: [], variables: {}, files: [], labels: {}, ...spec },
    image: { name: 'site-debian', provider: 'site', remoteId: '1d10116a', title: 'Debian' },
    size: { name: 'site-1', provider: 'site', remoteId: '1', title: 'tiny', cores: 1, memoryMiB: 128 },
    plan: {
      provider: 'site',
      deliveries: [{ method: 'disk', by: 'provider', layouts: [], why: '', evidence: [] }],
      warnings: [],
    },
    offers: [],
  }
}

const serverOf = (spec: Partial<InstanceSpec>, minor = 90): Record<string, unknown> =>
  (toServerBody(requestFor(spec), { minor, networks: NETWORKS }) as { server: Record<string, unknown> }).server

const refuses = (spec: Partial<InstanceSpec>, code: ErrorCode, words: RegExp, minor = 90): void =>
  assert.throws(
    () => serverOf(spec, minor),
    (error) => isCloudError(error, code) && words.test(error.message),
  )

describe('what is sent to make a server', () => {
  it('is what a real Nova took', () => {
    const userData = Buffer.from('#!/bin/sh\necho this is just a test > /etc/ctx\n')
    const body = toServerBody(
      requestFor({ name: 'occi-test', hostname: 'occi-test', userData, variables: { role: 'web' } }),
      {
        minor: 90,
        keyName: 'alice',
        networks: NETWORKS,
      },
    )
    assert.deepEqual(body, {
      server: {
        name: 'occi-test',
        hostname: 'occi-test',
        imageRef: '1d10116a',
        flavorRef: '1',
        key_name: 'alice',
        user_data: userData.toString('base64'),
        config_drive: true,
        metadata: { role: 'web' },
        tags: [`bellhop:${ID}`],
        networks: NETWORKS,
      },
    })
  })

  it('has the very bytes of the user, up to what Nova takes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (userData) => {
        assert.deepEqual(Buffer.from(String(serverOf({ userData })['user_data']), 'base64'), Buffer.from(userData))
      }),
    )
    const most = serverOf({ userData: Buffer.alloc(USER_DATA_MAX_BYTES) })['user_data']
    assert.equal(String(most).length, 65_532)
    refuses({ userData: Buffer.alloc(USER_DATA_MAX_BYTES + 1) }, 'too-large', /49150 bytes; Nova takes 49149/)
  })

  it('says nothing that an older Nova does not know, and there has our id in the name', () => {
    const server = serverOf({ name: 'web', hostname: 'web' }, 1)
    assert.ok(!('tags' in server || 'hostname' in server))
    assert.equal(server['name'], `web bellhop:${ID}`)
    assert.equal(ourIdOf({ name: server['name'] }), ID)
    assert.equal(ourIdOf({ name: 'web', tags: ['a', `bellhop:${ID}`] }), ID)
    assert.equal(ourIdOf({ name: 'web' }), undefined)
  })

  it('refuses what Nova would lose or not take, and says which', () => {
    const files = [{ path: '/etc/ctx', bytes: Buffer.from('x') }]
    refuses({ files }, 'unsupported', /files/)
    assert.deepEqual(serverOf({ files }, 56)['personality'], [{ path: '/etc/ctx', contents: 'eA==' }])
    refuses({ variables: { 'a/b': 'x' } }, 'invalid', /"a\/b"/)
    refuses({ variables: { a: 'x'.repeat(256) } }, 'too-large', /a has 256 characters; Nova takes 255/)
    const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, 'v']))
    refuses({ variables: many }, 'too-large', /129; Nova takes 128/)
  })

  it('has its volumes behind the image’s own disk, to be kept when the server goes', () => {
    const volumes = ['a', 'b'].map((volumeRemoteId) => ({ linkId: `link-${volumeRemoteId}`, volumeRemoteId }))
    const { server } = toServerBody({ ...requestFor({}), volumes }, { minor: 90, networks: NETWORKS }) as {
      server: Record<string, unknown>
    }
    const volume = (uuid: string) => ({
      uuid,
      source_type: 'volume',
      destination_type: 'volume',
      boot_index: -1,
      delete_on_termination: false,
    })
    assert.deepEqual(server['block_device_mapping_v2'], [
      {
        uuid: '1d10116a',
        source_type: 'image',
        destination_type: 'local',
        boot_index: 0,
        delete_on_termination: true,
      },
      volume('a'),
      volume('b'),
    ])
    assert.ok(!('block_device_mapping_v2' in serverOf({})))
  })

  it('is named as its host, where Nova would else call the guest otherwise', () => {
    const nameOf = (spec: Partial<InstanceSpec>, minor: number) => serverName(requestFor(spec), minor)
    for (const minor of [56, 89]) {
      assert.equal(nameOf({ name: 'My Web', hostname: 'db-1' }, minor), 'db-1')
      assert.equal(nameOf({ name: 'My Web_1', hostname: 'my-web-1' }, minor), 'My Web_1')
      assert.equal(nameOf({ name: 'Web', hostname: 'WEB' }, minor), 'Web')
    }
    assert.equal(nameOf({ name: 'My Web', hostname: 'db-1' }, 90), 'My Web')
    // There the name must end in our id.
    const files = [{ path: '/etc/ctx', bytes: Buffer.from('x') }]
    refuses({ files, hostname: 'db-1' }, 'unsupported', /hostname: at 2\.51/, 51)
  })

  it('has a name that Nova takes, whatever the user calls it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.constantFrom(1, 90), (name, minor) => {
        const shown = serverName(requestFor({ name }), minor)
        assert.ok(shown.length > 0 && Array.from(shown).length <= 255)
        assert.equal(shown, shown.trim())
        assert.doesNotMatch(shown, /[\p{Cc}\p{Cs}]/u)
      }),
    )
  })
})
