import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { ec2 } from '../layouts/ec2.ts'
import { openstack } from '../layouts/openstack.ts'
import type { Context } from '../model/context.ts'
import type { OneRecord } from '../providers/one-xml.ts'
import type { OneVm } from '../providers/opennebula/api-vms.ts'
import { replay } from '../providers/opennebula/testdata/replay.ts'
import { recordOf } from './opennebula-context.ts'

const SITE = { zone: 'one.example.org' }
const SEAT = { network: '0', address: '192.0.2.104' }

async function recordedVm(): Promise<OneVm> {
  return (await replay('vm-info-running-request-id', (api, call) => api.vm(4, call))) as OneVm
}

function toldOf(vm: OneVm, seat = SEAT, site: Parameters<typeof recordOf>[1] = SITE): Context {
  return recordOf(vm, site).contextAt(seat) ?? assert.fail('it has no such address')
}

async function withContext(context: OneRecord): Promise<OneVm> {
  return { ...(await recordedVm()), context }
}

describe('a VM of a real OpenNebula', () => {
  it('is told as its record has it', async () => {
    const { guestId, ...told } = toldOf(await recordedVm())
    assert.match(guestId, /^[0-9a-f-]{36}$/)
    assert.deepEqual(told, {
      hostname: 'ctx-vm-5',
      facts: {
        name: 'ctx-vm-5',
        launchIndex: 0,
        imageName: 'ttylinux',
        sizeName: 'c1-m64',
        localIpv4: '192.0.2.104',
        publicIpv4: '192.0.2.104',
        ec2: { instanceId: 'i-00000004', imageId: 'ami-0', reservationId: 'r-4' },
      },
      userData: new TextEncoder().encode('#cloud-config\n{}\n'),
      publicKeys: [{ name: 'key-0', text: 'ssh-ed25519 AAAAC3Nza admin@example.org' }],
      variables: {},
      files: [],
      network: {
        nics: [
          {
            id: 'one-4-0',
            mac: '02:00:c0:00:02:68',
            addresses: [
              {
                address: '192.0.2.104',
                prefixLength: 24,
                gateway: '192.0.2.1',
                assignment: 'static',
                networkId: '0',
                nameServers: ['192.0.2.53', '192.0.2.54'],
              },
            ],
          },
        ],
      },
    })
  })

  it('reads as EC2 and OpenStack have it', async () => {
    const told = toldOf(await recordedVm())
    const text = (files: ReturnType<typeof ec2.render>, path: string) =>
      Buffer.from(files.get(path)?.bytes ?? assert.fail(path)).toString()
    const files = ec2.render(told)
    assert.equal(text(files, 'latest/meta-data/instance-id'), 'i-00000004')
    assert.equal(text(files, 'latest/meta-data/local-ipv4'), '192.0.2.104')
    assert.equal(text(files, 'latest/user-data'), '#cloud-config\n{}\n')
    const metadata = JSON.parse(text(openstack.render(told), 'openstack/latest/meta_data.json')) as Record<
      string,
      unknown
    >
    assert.equal(metadata['uuid'], told.guestId)
    assert.equal(metadata['name'], 'ctx-vm-5')
  })

  it('has nothing to tell where it has no such address', async () => {
    const record = recordOf(await recordedVm(), SITE)
    assert.equal(record.contextAt({ ...SEAT, address: '192.0.2.105' }), undefined)
    assert.equal(record.contextAt({ ...SEAT, network: '1' }), undefined)
  })
})

describe('the guest’s id', () => {
  it('is its UUID, or made of zone and number, and stays', async () => {
    const vm = await recordedVm()
    const uuid = vm.template.vectors['OS']?.[0]?.['UUID'] ?? assert.fail('the recorded one has a UUID')
    assert.equal(toldOf(vm).guestId, uuid)
    const without = { ...vm, template: { ...vm.template, vectors: {} } }
    const made = toldOf(without).guestId
    assert.match(made, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.equal(toldOf(without).guestId, made)
    assert.notEqual(toldOf(without, SEAT, { zone: 'two.example.org' }).guestId, made)
    assert.notEqual(toldOf({ ...without, id: 5 }).guestId, made)
  })
})

describe('user data', () => {
  it('come byte by byte, whatever they are', async () => {
    const vm = await recordedVm()
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.constantFrom('USER_DATA', 'USERDATA'),
        fc.constantFrom('USER_DATA_ENCODING', 'USERDATA_ENCODING'),
        (bytes, name, encoding) => {
          const context = { [name]: Buffer.from(bytes).toString('base64'), [encoding]: 'base64' }
          assert.deepEqual(toldOf({ ...vm, context }).userData, bytes)
        },
      ),
    )
  })

  const userData = async (context: OneRecord): Promise<string | undefined> => {
    const { userData } = toldOf(await withContext(context))
    return userData && Buffer.from(userData).toString()
  }

  it('are text where no encoding says base64', async () => {
    assert.equal(await userData({ USER_DATA: 'aGVsbG8=' }), 'aGVsbG8=')
    assert.equal(await userData({ USERDATA: '#!/bin/sh\necho ž\n', USERDATA_ENCODING: 'plain' }), '#!/bin/sh\necho ž\n')
  })

  it('are those for EC2, always base64, where there are no others', async () => {
    assert.equal(await userData({ EC2_USER_DATA: 'aGVs\nbG8=' }), 'hello')
    assert.equal(await userData({ EC2_USER_DATA: 'aGVsbG8=', USER_DATA: 'mine' }), 'mine')
    assert.equal(await userData({ USER_DATA: '', EC2_USER_DATA: 'aGVsbG8=' }), 'hello')
  })

  it('that are no base64 come as they stand, and the site is told without them', async () => {
    const told: string[] = []
    const vm = await withContext({ USER_DATA: '#!/bin/sh secret', USER_DATA_ENCODING: 'base64' })
    const context = recordOf(vm, SITE, (line) => void told.push(line)).contextAt(SEAT)
    assert.equal(Buffer.from(context?.userData ?? []).toString(), '#!/bin/sh secret')
    assert.match(told.join('\n'), /^VM 4: USER_DATA: not base64/)
    assert.doesNotMatch(told.join('\n'), /secret/)
  })

  it('may be none', async () => {
    assert.equal(await userData({}), undefined)
    const { context: _none, ...vm } = await recordedVm()
    assert.deepEqual(toldOf(vm).variables, {})
  })
})

describe('user data by StratusLab’s method cloud-init', () => {
  const byMethod = (packed: Uint8Array): OneRecord => ({
    CONTEXT_METHOD: 'cloud-init',
    CLOUD_INIT_USER_DATA: Buffer.from(packed).toString('base64'),
    EC2_USER_DATA: 'b3RoZXI=',
  })

  it('come as the user gave them, also what he packed himself', async () => {
    const vm = await recordedVm()
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (bytes, isPacked) => {
        const given = isPacked ? new Uint8Array(gzipSync(bytes)) : bytes
        assert.deepEqual(toldOf({ ...vm, context: byMethod(gzipSync(given)) }).userData, given)
      }),
    )
  })

  it('that are no gzip, or too large unpacked, come as they stand, and the site is told', async () => {
    const told: string[] = []
    const bomb = gzipSync(Buffer.alloc(18 * 1024 * 1024))
    for (const bytes of [Buffer.from('#!/bin/sh\n'), bomb, bomb.subarray(0, 200)]) {
      const record = recordOf(await withContext(byMethod(bytes)), SITE, (line) => void told.push(line))
      assert.deepEqual(record.contextAt(SEAT)?.userData, new Uint8Array(bytes))
    }
    assert.equal(told.length, 2)
    assert.match(told[0] ?? '', /^VM 4: CLOUD_INIT_USER_DATA: unpacks to more than 17 MiB/)
  })

  it('are no matter to a guest of the other method', async () => {
    const context = { ...byMethod(gzipSync('mine')), CONTEXT_METHOD: 'one' }
    assert.equal(Buffer.from(toldOf(await withContext(context)).userData ?? []).toString(), 'other')
  })

  it('come with keys, and the word for none is no key', async () => {
    const told: string[] = []
    const keys = async (context: OneRecord) =>
      recordOf(await withContext(context), SITE, (line) => void told.push(line))
        .contextAt(SEAT)
        ?.publicKeys.map(({ text }) => text)
    const CLOUD_INIT_AUTHORIZED_KEYS = Buffer.from('ssh-rsa AAAAB3 jane\n').toString('base64')
    assert.deepEqual(await keys({ PUBLIC_KEY: 'none', CLOUD_INIT_AUTHORIZED_KEYS }), ['ssh-rsa AAAAB3 jane'])
    assert.deepEqual(told, [])
    assert.deepEqual(await keys({ CLOUD_INIT_AUTHORIZED_KEYS: '!' }), [])
    assert.match(told.join(), /^VM 4: CLOUD_INIT_AUTHORIZED_KEYS: not base64/)
  })
})

describe('a card of which CONTEXT says nothing', () => {
  it('gets its addresses by asking', async () => {
    const vm = {
      ...(await withContext({ NETWORK: 'NO' })),
      nics: [{ IP: '192.0.2.104', IP6: '2001:db8::4', MAC: '02:00:c0:00:02:68', NETWORK_ID: '0' }],
    }
    const [nic] = toldOf(vm).network?.nics ?? []
    assert.deepEqual(
      nic?.addresses.map(({ assignment }) => assignment),
      ['dhcp', 'slaac'],
    )
  })
})

describe('what else the CONTEXT says', () => {
  it('is variables, but for what is OpenNebula’s, secret or a shell’s', async () => {
    const { variables } = toldOf(
      await withContext({
        COLOUR: 'blue',
        PASSWORD: 'cipher',
        TOKEN: 'YES',
        ETH0_IP: '192.0.2.104',
        PATH: '/x',
        NETWORK: 'YES',
      }),
    )
    assert.deepEqual(variables, { COLOUR: 'blue' })
  })

  it('never has a password in anything that is served', async () => {
    const told = toldOf(await withContext({ PASSWORD: 'cipher-of-it', SET_HOSTNAME: 'web' }))
    for (const layout of [ec2, openstack])
      for (const [path, { bytes }] of layout.render(told))
        assert.ok(!Buffer.from(bytes).toString('latin1').includes('cipher-of-it'), path)
  })

  it('names the host, as the user or else as the VM is called', async () => {
    assert.equal(toldOf(await withContext({ SET_HOSTNAME: 'web.example.org' })).hostname, 'web.example.org')
    assert.equal(toldOf(await withContext({ SET_HOSTNAME: 'not a name' })).hostname, 'ctx-vm-5')
    assert.equal(toldOf({ ...(await withContext({})), name: 'My VM (2)' }).hostname, 'my-vm-2')
  })

  it('has keys under several names, each once, and nothing that is none', async () => {
    const [one, two] = ['ssh-ed25519 AAAAC3Nza one', 'ssh-rsa AAAAB3Nza two']
    const keys = { SSH_PUBLIC_KEY: `${one}\n\n# mine\n${two}\n`, EC2_PUBLIC_KEY: one, PUBLIC_KEY: '$USER[NONE]' }
    assert.deepEqual(toldOf(await withContext(keys)).publicKeys, [
      { name: 'key-0', text: one },
      { name: 'key-1', text: two },
    ])
    const named = toldOf(await withContext({ EC2_PUBLIC_KEY: one, EC2_KEYNAME: 'my=key' }))
    assert.deepEqual(named.publicKeys, [{ name: 'my-key', text: one }])
  })
})

describe('what a guest is told at one of its cards', () => {
  it('is that card’s address, an alias’s too, and the address outside', async () => {
    const vm = {
      ...(await recordedVm()),
      nics: [
        { NIC_ID: '0', IP: '10.0.0.5', MAC: '02:00:0a:00:00:05', NETWORK_ID: '1' },
        {
          NIC_ID: '1',
          IP: '10.0.0.5',
          MAC: '02:00:0a:00:00:06',
          NETWORK_ID: '2',
          IP6_LINK: 'fe80::A',
          EXTERNAL_IP: '203.0.113.9',
        },
      ],
      nicAliases: [
        { NIC_ID: '2', PARENT_ID: '0', ALIAS_ID: '0', IP: '198.51.100.7', NETWORK_ID: '3', EXTERNAL: 'YES' },
      ],
    }
    const at = (network: string, address: string) => {
      const { localIpv4, publicIpv4 } = toldOf(vm, { network, address }).facts
      return [localIpv4, publicIpv4]
    }
    assert.deepEqual(at('1', '10.0.0.5'), ['10.0.0.5', '198.51.100.7'])
    assert.deepEqual(at('2', '10.0.0.5'), ['10.0.0.5', '203.0.113.9'])
    assert.deepEqual(at('2', 'fe80::a'), ['10.0.0.5', '203.0.113.9'])
    assert.deepEqual(at('3', '198.51.100.7'), ['198.51.100.7', '198.51.100.7'])
  })
})

describe('a record', () => {
  it('is the same until something of it changes that guests are told', async () => {
    const vm = await recordedVm()
    const { fingerprint } = recordOf(vm, SITE)
    assert.equal(recordOf({ ...vm, hostName: 'other', lcmState: 17 }, SITE).fingerprint, fingerprint)
    assert.notEqual(recordOf({ ...vm, name: 'other' }, SITE).fingerprint, fingerprint)
    assert.notEqual(recordOf({ ...vm, context: { ...vm.context, A: '1' } }, SITE).fingerprint, fingerprint)
    assert.notEqual(recordOf({ ...vm, nicAliases: [{ IP: '10.0.0.9' }] }, SITE).fingerprint, fingerprint)
  })
})
