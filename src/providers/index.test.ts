import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { PROVIDERS, type ProviderLoader } from './index.ts'

function driver(name: string): ProviderLoader {
  const loader = PROVIDERS[name]
  assert.ok(loader, `there is a driver ${name}`)
  return loader
}

const log = { info: () => {} }

function refuses(promise: Promise<unknown>, ...words: readonly string[]): Promise<void> {
  return assert.rejects(
    promise,
    (error) => isCloudError(error, 'invalid') && words.every((word) => error.message.includes(word)),
  )
}

describe('the table of providers', () => {
  it('makes each provider with its defaults, under the name that it is given', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-providers-'))
    t.after(() => rm(stateDir, { recursive: true }))
    // Which cloud it is, and as whom it is asked, has no default.
    const needy = new Set(['openstack', 'opennebula', 'stratuslab', 'synnefo'])
    for (const name of Object.keys(PROVIDERS).filter((each) => !needy.has(each))) {
      const provider = await driver(name)({}, { stateDir, log })
      assert.equal(provider.name, name)
      await provider.close?.()
      const renamed = await driver(name)({}, { name: 'elsewhere', stateDir, log })
      assert.equal(renamed.name, 'elsewhere')
      await renamed.close?.()
    }
  })

  it('has QEMU inject files beside all else where that is its setting', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-providers-'))
    t.after(() => rm(stateDir, { recursive: true }))
    const ways = async (settings: Readonly<Record<string, unknown>>) => {
      const { capabilities } = await driver('qemu')(settings, { stateDir, log })
      return capabilities.deliveries.filter(({ isLastResort }) => !isLastResort).map(({ method }) => method)
    }
    assert.deepEqual(await ways({ injection: 'always' }), ['metadata', 'disk', 'injection'])
    for (const settings of [{}, { injection: 'last-resort' }])
      assert.deepEqual(await ways(settings), ['metadata', 'disk'])
    await refuses(driver('qemu')({ injection: 'never' }, { stateDir, log }), 'injection')
  })

  it('makes a provider of the cloud that clouds.yaml names, without asking it', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-providers-'))
    const path = join(stateDir, 'clouds.yaml')
    const auth = 'auth_url: http://127.0.0.1:9/v3, username: u, password: p, project_name: p, user_domain_name: d'
    await writeFile(path, `clouds: {site: {auth: {${auth}, project_domain_name: d}}}`)
    process.env['OS_CLIENT_CONFIG_FILE'] = path
    t.after(async () => {
      delete process.env['OS_CLIENT_CONFIG_FILE']
      await rm(stateDir, { recursive: true })
    })
    const provider = await driver('openstack')({ cloud: 'site' }, { name: 'cesnet', stateDir, log })
    assert.equal(provider.name, 'cesnet')
    await provider.close?.()
    await refuses(driver('openstack')({ cloud: 'nowhere' }, { stateDir, log }), 'nowhere', 'site')
  })

  it('makes a provider of the OpenNebula that is named, without asking it', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-providers-'))
    t.after(() => rm(stateDir, { recursive: true }))
    const authFile = join(stateDir, 'one_auth')
    await writeFile(authFile, 'bellhop:wonderland\n')
    const settings = { endpoint: 'http://127.0.0.1:9/RPC2', authFile }
    const provider = await driver('opennebula')(settings, { name: 'site', stateDir, log })
    assert.equal(provider.name, 'site')
    await provider.close?.()
    const make = driver('opennebula')
    const nowhere = join(stateDir, 'nowhere')
    await refuses(make({ ...settings, authFile: nowhere }, { stateDir, log }), nowhere)
    await refuses(make({ ...settings, caFile: nowhere }, { stateDir, log }), 'caFile', nowhere)
    await refuses(make({ ...settings, sizes: [{ id: 'a', cores: 0, memoryMiB: 16 }] }, { stateDir, log }), 'cores')
  })

  it('makes a provider of the StratusLab that is named, without asking it', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-providers-'))
    t.after(() => rm(stateDir, { recursive: true }))
    const [passwordFile, userConfigFile] = [join(stateDir, 'password'), join(stateDir, 'user.cfg')]
    await writeFile(passwordFile, 'wonderland\n')
    await writeFile(userConfigFile, '[default]\nendpoint = 127.0.0.1:9\n')
    const images = [{ id: 'BN1EEkPiBx87_uLj2-sdybSI-Xb' }]
    const settings = { userConfigFile, username: 'jane', passwordFile, images }
    const make = driver('stratuslab')
    const provider = await make(settings, { name: 'lal', stateDir, log })
    assert.equal(provider.name, 'lal')
    await provider.close?.()
    await refuses(make({ ...settings, images: [] }, { stateDir, log }), 'images')
    await refuses(make({ ...settings, contextMethod: 'both' }, { stateDir, log }), 'contextMethod')
    await refuses(
      make({ endpoint: 'a.example', certificateFile: passwordFile, images }, { stateDir, log }),
      'certificateFile',
    )
  })

  it('makes a provider of the Synnefo that its client’s file names, without asking it', async (t) => {
    const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-providers-'))
    t.after(() => rm(stateDir, { recursive: true }))
    const kamakirc = join(stateDir, 'kamakirc')
    await writeFile(kamakirc, '[cloud "okeanos"]\nurl = http://127.0.0.1:9/identity/v2.0\ntoken = wonderland\n')
    const make = driver('synnefo')
    const provider = await make({ kamakirc, project: 'a-project' }, { name: 'grnet', stateDir, log })
    assert.equal(provider.name, 'grnet')
    await provider.close?.()
    await refuses(make({ kamakirc, cloud: 'moon' }, { stateDir, log }), 'moon', 'okeanos')
    await refuses(make({ kamakirc: join(stateDir, 'nowhere') }, { stateDir, log }), 'kamakirc')
  })

  it('refuses a setting that no one knows, naming it', async () => {
    for (const name of Object.keys(PROVIDERS))
      await refuses(driver(name)({ colour: 'red' }, { stateDir: '/nowhere', log }), name, 'colour')
    const sizes = [{ id: 'a', cores: 1, memoryMiB: 512, colour: 'red' }]
    await refuses(driver('qemu')({ sizes }, { stateDir: '/nowhere', log }), 'sizes.0.colour')
  })

  it('refuses a setting of the wrong kind, naming it', async () => {
    await refuses(driver('memory')({ socket: 1 }, { stateDir: '/nowhere', log }), 'memory', 'socket')
    await refuses(driver('qemu')({ accel: 'xen' }, { name: 'here', stateDir: '/nowhere', log }), 'here', 'accel')
  })
})
