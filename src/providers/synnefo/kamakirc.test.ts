import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CloudError } from '../../model/errors.ts'
import { readKamakirc } from './kamakirc.ts'

const KAMAKIRC = `# Kamaki configuration file v0.17
[global]
default_cloud = okeanos ; the usual one
ca_certs = /run/ca.pem
colors = on
history_file = /home/jane/.kamaki.history

[cloud "okeanos"]
url = https://accounts.okeanos.example/identity/v2.0/
token = s3cr;et=to:ken==
pithos_container = pithos

[cloud "demo.site-2"]
URL: https://accounts.demo.example/astakos
token: other
ca_certs: ~/demo.pem
ignore_ssl: On

[cloud "broken"]
url = https://accounts.broken.example/identity/v2.0
`

const FILES: Readonly<Record<string, string>> = {
  '/home/jane/.kamakirc': KAMAKIRC,
  '/home/jane/demo.pem': 'DEMO',
  '/run/ca.pem': 'CA',
  '/run/other': '[cloud "only"]\nurl = http://127.0.0.1:9/identity/v2.0\ntoken = t\n',
  '/run/several': KAMAKIRC.replace(/^default_cloud.*$/m, ''),
  '/run/old': '[global]\nurl = https://accounts.old.example\ntoken = s3cr;et\n',
  '/run/bad-url': '[cloud "x"]\nurl = accounts.example\ntoken = s3cr;et\n',
  '/run/bad-token': '[cloud "x"]\nurl = https://a.example\ntoken = s3cr;et and more\n',
}

function read(wanted: Parameters<typeof readKamakirc>[0] = {}, env: Readonly<Record<string, string>> = {}) {
  const readFile = (path: string): Promise<string> => {
    const text = FILES[path]
    return text === undefined
      ? Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' }))
      : Promise.resolve(text)
  }
  return readKamakirc(wanted, { env, readFile, home: '/home/jane' })
}

describe("the file of Synnefo's client", () => {
  it('says which cloud, and as whom it is asked', async () => {
    assert.deepEqual(await read(), {
      cloud: 'okeanos',
      authUrl: 'https://accounts.okeanos.example/identity/v2.0',
      token: 's3cr;et=to:ken==',
      tls: { ca: 'CA' },
    })
  })

  it('has a cloud’s own certificates and what it verifies win over those of all, and completes its address', async () => {
    assert.deepEqual(await read({ cloud: 'demo.site-2' }), {
      cloud: 'demo.site-2',
      authUrl: 'https://accounts.demo.example/astakos/v2.0',
      token: 'other',
      tls: { ca: 'DEMO', isVerified: false },
    })
    const { tls } = await read({ cloud: 'demo.site-2', caFile: '/run/ca.pem' })
    assert.equal(tls.ca, 'CA')
  })

  it('is where the setting says, else where the variable says; its only cloud needs no name', async () => {
    assert.equal((await read({}, { KAMAKI_CONFIG: '/run/other' })).cloud, 'only')
    assert.equal((await read({ kamakirc: '/home/jane/.kamakirc' }, { KAMAKI_CONFIG: '/run/other' })).cloud, 'okeanos')
  })

  for (const [what, wanted, words] of [
    ['is not there', { kamakirc: '/nowhere' }, ['kamakirc', '/nowhere', 'ENOENT']],
    ['has no such cloud', { cloud: 'moon' }, ['moon', 'okeanos', 'demo.site-2']],
    ['does not say which of several', { kamakirc: '/run/several' }, ['default_cloud', 'okeanos']],
    ['has no token', { cloud: 'broken' }, ['[cloud "broken"]', 'token']],
    ['is of the form before clouds had names', { kamakirc: '/run/old' }, ['[cloud "name"]']],
    ['has no address', { kamakirc: '/run/bad-url' }, ['url', 'https://']],
    ['has a token that can be none', { kamakirc: '/run/bad-token' }, ['token']],
    ['names certificates that are not there', { caFile: '/nowhere.pem' }, ['ca_certs', '/nowhere.pem']],
  ] as const)
    it(`is refused, naming what is wrong and no secret, where it ${what}`, () =>
      assert.rejects(read(wanted), (error) => {
        assert.ok(error instanceof CloudError && error.code === 'invalid', String(error))
        for (const word of words) assert.ok(error.message.includes(word), error.message)
        assert.doesNotMatch(error.message, /s3cr/)
        return true
      }))
})
