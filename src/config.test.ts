import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readConfig, type Config } from './config.ts'
import { isCloudError } from './model/errors.ts'

let folder = ''
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'bellhop-config-'))))
after(() => rm(folder, { recursive: true }))

/** Reads a file that holds `toml`; the state is in `/state`. */
async function read(toml: string): Promise<Config> {
  const path = join(folder, 'bellhop.toml')
  await writeFile(path, toml)
  return readConfig(path, { XDG_STATE_HOME: '/state' })
}

/** The message with which `toml` is refused. */
async function refusal(toml: string): Promise<string> {
  const error = await read(toml).then(
    () => assert.fail('was taken'),
    (error: unknown) => error,
  )
  assert.ok(isCloudError(error, 'invalid'))
  return error.message
}

const DEFAULTS: Config = {
  server: { listen: { host: '127.0.0.1', port: 8787 }, allowedOrigins: [], userDataMaxBytes: 8 * 1024 * 1024 },
  metadata: { enabled: true, listen: { host: '127.0.0.1', port: 8788 } },
  store: { sqlite: '/state/bellhop/bellhop.sqlite' },
  report: { enabled: true },
  evidence: {},
  webhooks: { allowPrivate: [], allowHttp: false },
  log: { level: 'info' },
  auth: { tokens: [] },
  occi: { userDataEncoding: 'base64', showUserData: false },
  vendordata: [],
  providers: { qemu: { driver: 'qemu' } },
  stateDir: '/state/bellhop',
}

describe('readConfig', () => {
  it('needs no file, and takes an empty one as none', async () => {
    assert.deepEqual(await readConfig(undefined, { XDG_STATE_HOME: '/state' }), DEFAULTS)
    assert.deepEqual(await read(''), DEFAULTS)
  })

  it('takes every key', async () => {
    const digest = 'ab'.repeat(32)
    const config = await read(`
      [server]
      listen = "[::1]:80"
      publicUrl = "https://cloud.example.org"
      allowedOrigins = ["https://console.example.org"]
      userDataMaxBytes = 65536
      [metadata]
      enabled = false
      listen = "10.0.0.1:8080"
      publicUrl = "http://10.0.0.1:8080"
      siteContextsDir = "/srv/site-contexts"
      [store]
      sqlite = "/srv/bellhop.sqlite"
      [report]
      enabled = false
      url = "https://reports.example.org"
      [evidence]
      signWithinMs = 60000
      [webhooks]
      allowPrivate = ["10.0.0.0/8"]
      allowHttp = true
      [log]
      level = "debug"
      [auth]
      challenge = "site"
      [occi]
      userDataEncoding = "raw"
      showUserData = true
      [[auth.tokens]]
      sha256 = "${digest}"
      subject = "alice"
      project = "red"
      role = "reader"
      [[vendordata]]
      provider = "local"
      tokenSha256 = "${'cd'.repeat(32)}"
      [providers.local]
      driver = "qemu"
      imagesDir = "/srv/images"
    `)
    // Tables of TOML have no prototype; a clone has.
    assert.deepEqual(structuredClone(config), {
      server: {
        listen: { host: '::1', port: 80 },
        publicUrl: 'https://cloud.example.org',
        allowedOrigins: ['https://console.example.org'],
        userDataMaxBytes: 65_536,
      },
      metadata: {
        enabled: false,
        listen: { host: '10.0.0.1', port: 8080 },
        publicUrl: 'http://10.0.0.1:8080',
        siteContextsDir: '/srv/site-contexts',
      },
      store: { sqlite: '/srv/bellhop.sqlite' },
      report: { enabled: false, url: 'https://reports.example.org' },
      evidence: { signWithinMs: 60_000 },
      webhooks: { allowPrivate: ['10.0.0.0/8'], allowHttp: true },
      log: { level: 'debug' },
      auth: {
        tokens: [{ sha256: digest, subject: 'alice', project: 'red', role: 'reader' }],
        challenge: 'site',
      },
      occi: { userDataEncoding: 'raw', showUserData: true },
      vendordata: [{ provider: 'local', tokenSha256: 'cd'.repeat(32) }],
      providers: { local: { driver: 'qemu', imagesDir: '/srv/images' } },
      stateDir: '/state/bellhop',
    })
  })

  it('has guests report where they fetch, unless it says where', async () => {
    const { report } = await read('[metadata]\npublicUrl = "http://10.0.0.1:8788"')
    assert.deepEqual(report, { enabled: true, url: 'http://10.0.0.1:8788' })
  })

  for (const [toml, key] of [
    ['[server]\nport = 80', 'server.port'],
    ['[server]\nlisten = "localhost"', 'server.listen'],
    ['[server]\nlisten = 8787', 'server.listen'],
    ['[server]\nlisten = "127.0.0.1:70000"', '"127.0.0.1:70000"'],
    ['[server]\npublicUrl = "cloud.example.org"', 'server.publicUrl'],
    ['[server]\npublicUrl = "https://cloud.example.org/path"', 'server.publicUrl'],
    ['[server]\nallowedOrigins = "*"', 'server.allowedOrigins'],
    ['[server]\nuserDataMaxBytes = 0', 'server.userDataMaxBytes'],
    ['[metadata]\nenabled = "no"', 'metadata.enabled'],
    ['[metadata]\nlisten = ":8788"', 'metadata.listen'],
    ['[metadata]\npublicUrl = "http://10.0.0.1/seed"', 'metadata.publicUrl'],
    ['[metadata]\npublicUrl = "http://10.0.0.1\\\""', 'metadata.publicUrl'],
    ['[report]\nurl = "http://10.0.0.1/report"', 'report.url'],
    ['[store]\nsqlite = ""', 'store.sqlite'],
    ['[evidence]\nsignWithinMs = 0', 'evidence.signWithinMs'],
    ['[log]\nlevel = "loud"', 'log.level'],
    ['[[auth.tokens]]\nsha256 = "not hex"\nsubject = "a"\nproject = "b"', 'auth.tokens.0.sha256'],
    ['[[auth.tokens]]\ntoken = "word"', 'auth.tokens.0.token'],
    ['[[auth.tokens]]\nsubject = "a"', 'auth.tokens.0.project'],
    [
      `[[auth.tokens]]\nsha256 = "${'0'.repeat(64)}"\nsubject = "a"\nproject = "b"\nrole = "admin"`,
      'auth.tokens.0.role',
    ],
    ['[auth]\nchallenge = 5', 'auth.challenge'],
    ['[occi]\nuserDataEncoding = "guess"', 'occi.userDataEncoding'],
    ['[occi]\nshowUserData = 1', 'occi.showUserData'],
    ['[providers.local]\nimagesDir = "/srv"', 'providers.local.driver'],
    ['[providers.Local]\ndriver = "qemu"', 'providers.Local'],
    ['[providers.local]\ndriver = ""', 'providers.local.driver'],
    ['[[vendordata]]\nprovider = "qemu"\ntoken = "word"', 'vendordata.0.token'],
    ['[[vendordata]]\nprovider = "qemu"\ntokenSha256 = "word"', 'vendordata.0.tokenSha256'],
    ['[[vendordata]]\nprovider = "qemu"', 'tokenSha256 or serviceUserId'],
    [`[[vendordata]]\nprovider = "nova"\ntokenSha256 = "${'0'.repeat(64)}"`, 'vendordata.provider'],
    [
      `[[vendordata]]\nprovider = "qemu"\ntokenSha256 = "${'0'.repeat(64)}"
       [[auth.tokens]]\nsha256 = "${'0'.repeat(64)}"\nsubject = "a"\nproject = "b"`,
      'vendordata.tokenSha256',
    ],
    ['[postgres]\nurl = "x"', 'postgres'],
  ] as const)
    it(`refuses ${JSON.stringify(toml)}, naming ${key}`, async () => {
      const message = await refusal(toml)
      assert.match(message, /^configuration: /)
      assert.ok(message.includes(` ${key}`), message)
    })

  it('says what is allowed, and tells all that is wrong at once', async () => {
    assert.equal(
      (await refusal('[log]\nlevel = "loud"\n[metadata]\nlisen = "127.0.0.1:1"')).split('\n').slice(1).join('\n'),
      '  metadata.lisen: is no setting\n  log.level: must be one of debug, info, warn, error, silent',
    )
  })

  it('shows no token that somebody wrote in the place of its digest', async () => {
    const message = await refusal('[[auth.tokens]]\nsha256 = "swordfish"\nsubject = "a"\nproject = "b"')
    assert.doesNotMatch(message, /swordfish/)
  })

  it('says where a file is no TOML, by line and column', async () => {
    const message = await refusal('[server]\nlisten = 127.0.0.1:8787\n')
    assert.match(message, /bellhop\.toml:2:\d+ is not TOML: /)
    assert.doesNotMatch(message, /\n/)
  })

  it('says which file cannot be read', async () => {
    await assert.rejects(
      readConfig(join(folder, 'none.toml')),
      /^CloudError: configuration: cannot read .*none\.toml: /,
    )
  })
})
