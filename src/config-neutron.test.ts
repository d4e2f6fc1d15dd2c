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

/** Reads a file with a provider `site`, this table, and more before them. */
async function read(table: string, more = ''): Promise<unknown> {
  const path = join(folder, 'bellhop.toml')
  await writeFile(path, `${more}\n[providers.site]\ndriver = "memory"\n[[metadata.neutron]]\n${table}`)
  const { metadata } = await readConfig(path, { XDG_STATE_HOME: '/state' })
  return structuredClone(metadata.neutron)
}

const LEAST = 'providers = ["site"]\nlisten = "10.0.0.1:8775"\nsharedSecretFile = "/etc/bellhop/secret"'

describe('[[metadata.neutron]]', () => {
  it('needs to know whose instances, where, and the secret', async () => {
    assert.deepEqual(await read(LEAST), [
      {
        providers: ['site'],
        listen: { host: '10.0.0.1', port: 8775 },
        sharedSecretFile: '/etc/bellhop/secret',
        configDrive: true,
      },
    ])
  })

  it('takes every key', async () => {
    const more =
      'novaMetadataUrl = "http://10.0.0.2:8775"\ntrustedProxies = ["10.0.0.0/24", "::1"]\nconfigDrive = false'
    assert.deepEqual(await read(`${LEAST}\n${more}`), [
      {
        providers: ['site'],
        listen: { host: '10.0.0.1', port: 8775 },
        sharedSecretFile: '/etc/bellhop/secret',
        novaMetadataUrl: 'http://10.0.0.2:8775',
        trustedProxies: ['10.0.0.0/24', '::1'],
        configDrive: false,
      },
    ])
  })

  for (const [what, table, more, message] of [
    [
      'a provider that there is not',
      LEAST.replace('site', 'sight'),
      '',
      /metadata\.neutron\.providers: .*"sight".* site$/,
    ],
    ['no provider', LEAST.replace('"site"', ''), '', /metadata\.neutron\.0\.providers/],
    ['no secret', LEAST.replace(/sharedSecretFile.*/, ''), '', /metadata\.neutron\.0\.sharedSecretFile: is missing/],
    ['a port that cannot be', LEAST.replace('8775', '88775'), '', /88775/],
    ['a path of Nova', `${LEAST}\nnovaMetadataUrl = "http://nova/latest"`, '', /metadata\.neutron\.0\.novaMetadataUrl/],
    ['a name as proxy', `${LEAST}\ntrustedProxies = ["agent"]`, '', /metadata\.neutron\.trustedProxies: "agent"/],
    ['a key that does not exist', `${LEAST}\nsecret = "x"`, '', /metadata\.neutron\.0\.secret: is no setting/],
    ['a server that is off', LEAST, '[metadata]\nenabled = false', /metadata\.neutron: .*metadata\.enabled/],
  ] as const)
    it(`refuses ${what}, by its name`, async () => {
      await assert.rejects(read(table, more), (error) => isCloudError(error, 'invalid') && message.test(error.message))
    })
})
