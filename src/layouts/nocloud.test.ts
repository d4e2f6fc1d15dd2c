import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parse } from 'yaml'
import type { Context } from '../model/context.ts'
import { isCloudError } from '../model/errors.ts'
import { nocloud } from './nocloud.ts'

const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1.example.org',
  facts: { launchIndex: 0, zone: 'nova' },
  publicKeys: [{ name: 'jane', text: 'ssh-ed25519 AAAA jane' }],
  variables: { role: 'web' },
  files: [],
}

const rendered = (context: Context, path: string): string => {
  const entry = nocloud.render(context).get(path)
  assert.ok(entry, `${path} is there`)
  return Buffer.from(entry.bytes).toString('utf8')
}
const read = (metaData: string): Promise<Partial<Context> | undefined> =>
  nocloud.read(async (path) => ({ 'meta-data': Buffer.from(metaData), 'user-data': Buffer.alloc(0) })[path])

describe('the NoCloud layout', () => {
  it('has all four files, whatever there is to say', () => {
    const files = nocloud.render({ guestId: 'i', facts: { launchIndex: 0 }, publicKeys: [], variables: {}, files: [] })
    assert.deepEqual([...files.keys()], ['meta-data', 'user-data', 'vendor-data', 'network-config'])
    for (const [path, { bytes }] of files) assert.equal(bytes.length === 0, path !== 'meta-data', path)
  })

  it('has metadata that CirrOS reads: one JSON object of texts and objects of texts', () => {
    assert.deepEqual(JSON.parse(rendered(CONTEXT, 'meta-data')), {
      'instance-id': CONTEXT.guestId,
      'local-hostname': 'web-1.example.org',
      'launch-index': 0,
      'availability-zone': 'nova',
      'public-keys': { jane: 'ssh-ed25519 AAAA jane' },
      meta: { role: 'web' },
    })
  })

  it('says the same as JSON and as YAML 1.1, on one line, with nothing in it that PyYAML refuses', () => {
    // PyYAML, reader.py: what is not printable; and what ends a line to it.
    const refused = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|[\r\n\x85\u2028\u2029\ufeff]/u
    const words = fc.constantFrom(
      'yes',
      '1e3',
      '0777',
      '1:30',
      'null',
      '2024-13-01',
      '=',
      '\u0085',
      '\u2028',
      '\ufeff',
      '\x7f',
      '\ufffe',
      '😀',
    )
    const value = fc.oneof(words, fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(value, value, (hostname, variable) => {
        const text = rendered({ ...CONTEXT, hostname, variables: { variable } }, 'meta-data')
        assert.doesNotMatch(text, refused)
        assert.deepEqual(parse(text, { version: '1.1' }), JSON.parse(text))
      }),
      { numRuns: 50 },
    )
  })

  it('reads what people write by hand', async () => {
    const context = await read(
      'instance-id: 42\nlocal-hostname: web\npublic-keys:\n  - ssh-ed25519 AAAA\n  - ssh-ed25519 BBBB\n',
    )
    assert.equal(context?.guestId, '42')
    assert.equal(context.hostname, 'web')
    assert.deepEqual(
      context.publicKeys?.map(({ text }) => text),
      ['ssh-ed25519 AAAA', 'ssh-ed25519 BBBB'],
    )
    assert.equal((await read(''))?.guestId, undefined)
  })

  it('refuses metadata that is no mapping, and repeats nothing of it', async () => {
    for (const text of ['- hunter2', 'hunter2', '{"hunter2"', 'a: [hunter2', `a: ${'hunter2 '.repeat(200_000)}`])
      await assert.rejects(read(text), (error) => isCloudError(error, 'invalid') && !error.message.includes('hunter2'))
  })

  it('tells guests their network as version 2 has it', () => {
    const static4 = { address: '192.0.2.7', prefixLength: 24, gateway: '192.0.2.1', assignment: 'static' } as const
    const text = rendered(
      {
        ...CONTEXT,
        network: {
          nics: [
            { id: 'a', mac: '52:54:00:00:00:01', mtu: 1400, addresses: [static4] },
            { id: 'b', mac: '52:54:00:00:00:02', addresses: [{ address: '10.0.0.5', assignment: 'dhcp' }] },
          ],
          nameServers: ['192.0.2.53'],
        },
      },
      'network-config',
    )
    assert.deepEqual(parse(text, { version: '1.1' }), {
      version: 2,
      ethernets: {
        eth0: {
          match: { macaddress: '52:54:00:00:00:01' },
          'set-name': 'eth0',
          mtu: 1400,
          dhcp4: false,
          dhcp6: false,
          addresses: ['192.0.2.7/24'],
          routes: [{ to: '0.0.0.0/0', via: '192.0.2.1' }],
          nameservers: { addresses: ['192.0.2.53'] },
        },
        eth1: {
          match: { macaddress: '52:54:00:00:00:02' },
          'set-name': 'eth1',
          dhcp4: true,
          dhcp6: false,
          nameservers: { addresses: ['192.0.2.53'] },
        },
      },
    })
  })
})
