import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readConfig } from './config.ts'
import { isCloudError } from './model/errors.ts'

let folder = ''
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'bellhop-config-'))))
after(() => rm(folder, { recursive: true }))

async function read(toml: string): Promise<unknown> {
  const path = join(folder, 'bellhop.toml')
  await writeFile(path, toml)
  const { metadata } = await readConfig(path, { XDG_STATE_HOME: '/state' })
  return structuredClone(metadata.from)
}

const NETWORK = '[[metadata.from.networks]]\nid = 3\nlisten = "10.0.0.2:8775"'
const LEAST = `[[metadata.from]]\ndriver = "opennebula"\n${NETWORK}`

describe('[[metadata.from]]', () => {
  it('needs to know what it is, and where guests of which network ask', async () => {
    assert.deepEqual(await read(LEAST), [
      { name: 'opennebula', driver: 'opennebula', listeners: [{ network: '3', host: '10.0.0.2', port: 8775 }] },
    ])
  })

  it('takes every key, and several front ends whose networks have the same number', async () => {
    const toml = `
      [[metadata.from]]
      driver = "opennebula"
      name = "cesnet"
      endpoint = "http://one.example.org:2633/RPC2"
      authFile = "/etc/bellhop/one_auth"
      caFile = "/etc/bellhop/ca.pem"
      addressesFrom = "vms"
      zone = "brno"
      networks = [
        { id = 3, listen = "10.0.0.2:8775", trustedProxies = ["10.0.0.0/24"] },
        { id = 7, listen = "[fd00::2]:8776" },
      ]
      [[metadata.from]]
      driver = "stratuslab"
      endpoint = "cloud.example.org"
      userConfigFile = "/etc/bellhop/stratuslab-user.cfg"
      cloud = "lal"
      username = "jane"
      passwordFile = "/etc/bellhop/password"
      networks = [{ id = 3, listen = "10.0.0.2:8777" }]
      [[metadata.from]]
      driver = "stratuslab"
      name = "other"
      certificateFile = "/etc/bellhop/cert.pem"
      keyFile = "/etc/bellhop/key.pem"
      networks = [{ id = 0, listen = "10.0.0.2:8778" }]`
    assert.deepEqual(await read(toml), [
      {
        name: 'cesnet',
        driver: 'opennebula',
        endpoint: 'http://one.example.org:2633/RPC2',
        authFile: '/etc/bellhop/one_auth',
        caFile: '/etc/bellhop/ca.pem',
        addressesFrom: 'vms',
        zone: 'brno',
        listeners: [
          { network: '3', host: '10.0.0.2', port: 8775, trustedProxies: ['10.0.0.0/24'] },
          { network: '7', host: 'fd00::2', port: 8776 },
        ],
      },
      {
        name: 'stratuslab',
        driver: 'stratuslab',
        endpoint: 'cloud.example.org',
        userConfigFile: '/etc/bellhop/stratuslab-user.cfg',
        cloud: 'lal',
        username: 'jane',
        passwordFile: '/etc/bellhop/password',
        listeners: [{ network: '3', host: '10.0.0.2', port: 8777 }],
      },
      {
        name: 'other',
        driver: 'stratuslab',
        certificateFile: '/etc/bellhop/cert.pem',
        keyFile: '/etc/bellhop/key.pem',
        listeners: [{ network: '0', host: '10.0.0.2', port: 8778 }],
      },
    ])
  })

  for (const [what, toml, message] of [
    ['a driver that there is not', LEAST.replace('opennebula', 'nova'), /metadata\.from\.0\.driver: .*stratuslab/],
    ['no network', '[[metadata.from]]\ndriver = "opennebula"', /metadata\.from\.0\.networks: is missing/],
    ['a network by its name', LEAST.replace('3', '"public"'), /metadata\.from\.0\.networks\.0\.id/],
    ['a port that cannot be', LEAST.replace('8775', '88775'), /88775/],
    ['a proxy that is no address', `${LEAST}\ntrustedProxies = ["agent"]`, /from\.networks\.trustedProxies: "agent"/],
    ['two of one name', `${LEAST}\n${LEAST.replace('8775', '8776')}`, /metadata\.from\.name: .*"opennebula"/],
    [
      'one listener for two networks',
      `${LEAST}\n${NETWORK.replace('3', '4')}`,
      /from\.networks\.listen: .*10\.0\.0\.2:8775/,
    ],
    ['a key that does not exist', `${LEAST}\npassword = "x"`, /networks\.0\.password: is no setting/],
  ] as const)
    it(`refuses ${what}, by its name`, async () => {
      await assert.rejects(read(toml), (error) => isCloudError(error, 'invalid') && message.test(error.message))
    })

  it('lets ports that are free be taken by several', async () => {
    const free = LEAST.replace('8775', '0')
    assert.equal(((await read(`${free}\n${NETWORK.replace('8775', '0')}`)) as readonly unknown[]).length, 1)
  })
})
