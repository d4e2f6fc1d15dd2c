import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { DISKS } from '../disks/index.ts'
import { parseContextSh } from '../formats/context-sh.ts'
import type { Context, NetworkConfig, Nic } from '../model/context.ts'
import { isCloudError } from '../model/errors.ts'
import { opennebula } from './opennebula.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane'

const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1',
  facts: { launchIndex: 0 },
  userData: Buffer.from('#!/bin/sh\necho hello\n'),
  publicKeys: [
    { name: 'jane', text: KEY },
    { name: 'joe', text: `${KEY}-joe` },
  ],
  variables: { ROLE: "worker's" },
  files: [],
}

const CARD: Nic = {
  id: 'port-1',
  mac: '52:54:00:00:00:01',
  mtu: 1450,
  addresses: [
    {
      address: '192.0.2.104',
      prefixLength: 24,
      gateway: '192.0.2.1',
      assignment: 'static',
      nameServers: ['192.0.2.53'],
    },
    { address: '2001:db8::104', prefixLength: 64, gateway: '2001:db8::1', assignment: 'static' },
  ],
}

function variablesOf(context: Context): ReadonlyMap<string, string> {
  return parseContextSh(textOf(opennebula.render(context).get('context.sh')?.bytes))
}

function ethsOf(network: NetworkConfig): Record<string, string> {
  const all = [...variablesOf({ ...CONTEXT, network })]
  return Object.fromEntries(all.filter(([key]) => key === 'NETWORK' || key.startsWith('ETH')))
}

const read = (files: Readonly<Record<string, string>>) =>
  opennebula.read(async (path) => (Object.hasOwn(files, path) ? Buffer.from(files[path] ?? '') : undefined))

function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8')
}

describe("OpenNebula's context", () => {
  it('has each thing under every name that one of its readers asks for', () => {
    const base64 = Buffer.from(CONTEXT.userData ?? []).toString('base64')
    assert.deepEqual(Object.fromEntries(variablesOf(CONTEXT)), {
      EC2_USER_DATA: base64,
      PUBLIC_KEY: `${KEY}\n${KEY}-joe`,
      ROLE: "worker's",
      SET_HOSTNAME: 'web-1',
      SSH_PUBLIC_KEY: `${KEY}\n${KEY}-joe`,
      USERDATA_ENCODING: 'base64',
      USER_DATA: base64,
      USER_DATA_ENCODING: 'base64',
    })
  })

  it('has user data in one line, however long', () => {
    const userData = Buffer.alloc(100_000, 7)
    assert.doesNotMatch(variablesOf({ ...CONTEXT, userData }).get('EC2_USER_DATA') ?? '\n', /\s/)
  })

  it('has no word of user data where there are none, and other words where they are empty', () => {
    const { userData: _, ...without } = CONTEXT
    const names = (context: Context) => [...variablesOf(context).keys()].filter((key) => /USER_?DATA/.test(key))
    assert.deepEqual(names(without), [])
    assert.equal(names({ ...CONTEXT, userData: new Uint8Array() }).length, 4)
  })

  for (const name of [
    'USER_DATA',
    'ETH0_IP',
    'DISK_ID',
    'PASSWORD',
    'PATH',
    'BASH_ENV',
    'LD_PRELOAD',
    'CLOUD_INIT_USER_DATA',
  ])
    it(`refuses a variable of the user's that is called ${name}`, () => {
      assert.throws(
        () => opennebula.render({ ...CONTEXT, variables: { [name]: 'swordfish' } }),
        (error) =>
          isCloudError(error, 'invalid') &&
          error.message.startsWith(`variables: "${name}" is a name of`) &&
          !error.message.includes('swordfish'),
      )
    })

  for (const name of ['my-key', '1A', '', 'a b', "a';reboot;'", 'naïve'])
    it(`refuses a variable of the user's that no shell can have: ${JSON.stringify(name)}`, () => {
      assert.throws(
        () => opennebula.render({ ...CONTEXT, variables: { [name]: 'x' } }),
        (error) => isCloudError(error, 'invalid') && /is no name for a shell/.test(error.message),
      )
    })

  it('tells the network of cards that all have an address to be told', () => {
    assert.deepEqual(ethsOf({ nics: [CARD], nameServers: ['198.51.100.53'] }), {
      NETWORK: 'YES',
      ETH0_MAC: '52:54:00:00:00:01',
      ETH0_IP: '192.0.2.104',
      ETH0_MASK: '255.255.255.0',
      ETH0_NETWORK: '192.0.2.0',
      ETH0_GATEWAY: '192.0.2.1',
      ETH0_IP6: '2001:db8::104',
      ETH0_IP6_PREFIX_LENGTH: '64',
      ETH0_IP6_GATEWAY: '2001:db8::1',
      ETH0_DNS: '192.0.2.53 198.51.100.53',
      ETH0_MTU: '1450',
    })
  })

  for (const [what, addresses] of [
    ['asks by DHCP', [{ address: '192.0.2.105', prefixLength: 24, assignment: 'dhcp' }]],
    ['has IPv6 alone', [{ address: '2001:db8::105', prefixLength: 64, assignment: 'static' }]],
    ['has no address', []],
  ] as const)
    it(`tells of no card where one ${what}: cloud-init would make up an address for it`, () => {
      assert.deepEqual(ethsOf({ nics: [CARD, { id: 'port-2', mac: '52:54:00:00:00:02', addresses }] }), {})
    })

  it('reads the network that it tells', async () => {
    const said = await read({
      'context.sh': textOf(opennebula.render({ ...CONTEXT, network: { nics: [CARD] } }).get('context.sh')?.bytes),
    })
    assert.deepEqual(said?.network, { nics: [{ ...CARD, id: 'eth0' }] })
  })
})

describe("another's context.sh", () => {
  it("is understood: the disk that OpenNebula's own front end makes", async () => {
    const image = gunzipSync(readFileSync(new URL('testdata/opennebula/one-context.iso.gz', import.meta.url)))
    const { label, files } = DISKS.iso.read(image)
    assert.equal(label, opennebula.volumeLabel)
    const { userData, ...said } = (await opennebula.read(async (path) => files.get(path)?.bytes)) ?? assert.fail()
    assert.match(textOf(userData), /^#cloud-config\nusers:\n- name: o'brien\n/)
    assert.deepEqual(said, {
      hostname: 'vm-0',
      publicKeys: [{ name: 'key-0', text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIuser user@example.org' }],
      variables: {},
      network: {
        nics: [
          {
            id: 'eth0',
            mac: '02:00:c0:00:02:64',
            addresses: [
              {
                address: '192.0.2.100',
                prefixLength: 24,
                gateway: '192.0.2.1',
                nameServers: ['192.0.2.53', '192.0.2.54'],
                assignment: 'static',
              },
            ],
          },
        ],
      },
    })
  })

  it("is understood: StratusLab's, with the quotes of old and the keys in a file", async () => {
    const said = await read({
      'context.sh': 'EC2_USER_DATA="aGVsbG8="\nROOT_PUBKEY="id_rsa.pub"\nTARGET="hdd"\nROLE="worker"\n',
      'id_rsa.pub': `${KEY}\n`,
    })
    assert.equal(textOf(said?.userData), 'hello')
    assert.deepEqual([said?.publicKeys, said?.variables], [[{ name: 'key-0', text: KEY }], { ROLE: 'worker' }])
  })

  it('leads no reader out of the disk by the name of a file', async () => {
    for (const name of ['../../etc/shadow', '/etc/shadow', '.', '..', ''])
      await opennebula.read(async (path) => {
        assert.equal(path, 'context.sh')
        return Buffer.from(`ROOT_PUBKEY='${name}'\n`)
      })
  })

  it('has user data in clear where nothing says that they are base64', async () => {
    assert.equal(textOf((await read({ 'context.sh': "USER_DATA='aGVsbG8='\n" }))?.userData), 'aGVsbG8=')
    assert.equal(
      textOf((await read({ 'context.sh': "USERDATA='aGVsbG8='\nUSERDATA_ENCODING='base64'\n" }))?.userData),
      'hello',
    )
  })

  it('never has its secrets among the variables', async () => {
    const said = await read({ 'context.sh': "PASSWORD='swordfish'\nTOKEN='YES'\nONEGATE_TOKEN='swordfish'\nA='b'\n" })
    assert.deepEqual(said?.variables, { A: 'b' })
  })

  for (const [what, file] of [
    ['what is said to be base64 and is not', "USER_DATA='swordfish!'\nUSER_DATA_ENCODING='base64'\n"],
    ['a command', 'swordfish\n'],
  ] as const)
    it(`is refused with ${what}, and nothing of it shown`, async () => {
      await assert.rejects(read({ 'context.sh': file }), (error) => {
        return (
          isCloudError(error, 'invalid') && error.message.startsWith('context.sh: ') && !/swordfish/.test(error.message)
        )
      })
    })

  it('is refused where it is not UTF-8: user data in clear would be changed', async () => {
    const bytes = Buffer.concat([Buffer.from("USER_DATA='"), Buffer.of(0xff), Buffer.from("'\n")])
    await assert.rejects(
      opennebula.read(async () => bytes),
      (error) => isCloudError(error, 'invalid'),
    )
  })
})
