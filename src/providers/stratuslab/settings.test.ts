import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CloudError } from '../../model/errors.ts'
import { readStratusLab, type StratusLabSettings, type Wanted } from './settings.ts'

const CONFIG = `# our clouds
[default]
selected_section = lal
user_public_key_file = ~/.ssh/id_rsa.pub
default_instance_type = big.one

[lal]
endpoint = cloud.lal.example
username = jane
password = se;cr=et:#1
marketplace_endpoint = marketplace.example.org

[grnet]
endpoint: https://cloud.grnet.example/one-proxy/xmlrpc
pem_certificate = ~/.globus/usercert.pem
pem_key = ~/.globus/userkey.pem
pdisk_endpoint = https://cloud.grnet.example/pdisk/
default_context_method = cloud-init

[instance_types]
big.one = 8, 16384, 1024
m1.small = (1, 2048, 0)
`

const FILES: Readonly<Record<string, string>> = {
  '/home/jane/.stratuslab/stratuslab-user.cfg': CONFIG,
  '/home/jane/.globus/usercert.pem': 'CERT',
  '/home/jane/.globus/userkey.pem': 'KEY',
  '/run/password': 'from-file\r\nmore\n',
  '/run/ca.pem': 'CA',
  '/run/bad.cfg': '[default]\nendpoint = x\n[instance_types]\nbig = many\n',
}

function read(
  wanted: Wanted = {},
  env: Readonly<Record<string, string>> = {},
  files = FILES,
): Promise<StratusLabSettings> {
  const readFile = (path: string) => {
    const text = files[path]
    return text === undefined
      ? Promise.reject(Object.assign(new Error('no'), { code: 'ENOENT' }))
      : Promise.resolve(text)
  }
  return readStratusLab(wanted, { env, readFile, home: '/home/jane' })
}

function refuses(wanted: Wanted, message: RegExp, files = FILES): Promise<void> {
  return assert.rejects(read(wanted, {}, files), (error) => {
    assert.ok(error instanceof CloudError && error.code === 'invalid', String(error))
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /se;cr|from-file/)
    return true
  })
}

describe("the settings of StratusLab's own client", () => {
  it('are those of the section that it has selected', async () => {
    const { url, login, marketplaceEndpoint, pdiskEndpoint, defaultContextMethod, sizes } = await read()
    assert.equal(url, 'https://cloud.lal.example:2634/pswd/xmlrpc')
    assert.deepEqual(login, { username: 'jane', password: 'se;cr=et:#1' })
    assert.equal(marketplaceEndpoint, 'https://marketplace.example.org')
    assert.equal(pdiskEndpoint, undefined)
    assert.equal(defaultContextMethod, 'one')
    assert.deepEqual(sizes[0], { id: 'big.one', cores: 8, memoryMiB: 16_384, swapMiB: 1024 })
    assert.deepEqual(
      sizes.find(({ id }) => id === 'm1.small'),
      { id: 'm1.small', cores: 1, memoryMiB: 2048, swapMiB: 0 },
    )
    assert.ok(sizes.some(({ id }) => id === 'c1.xlarge'))
  })

  it('are those of the cloud that is named, with its certificate', async () => {
    const { url, login, tls, pdiskEndpoint, defaultContextMethod } = await read({
      cloud: 'grnet',
      caFile: '/run/ca.pem',
    })
    assert.equal(url, 'https://cloud.grnet.example/one-proxy/cert/xmlrpc')
    assert.equal(login, 'certificate')
    assert.deepEqual(tls, { cert: 'CERT', key: 'KEY', ca: 'CA' })
    assert.equal(pdiskEndpoint, 'https://cloud.grnet.example/pdisk')
    assert.equal(defaultContextMethod, 'cloud-init')
  })

  it('are outdone by variables, and these by what is said expressly', async () => {
    const env = { STRATUSLAB_ENDPOINT: 'localhost', STRATUSLAB_USERNAME: 'eve', STRATUSLAB_PASSWORD: 'env' }
    const fromEnv = await read({}, env)
    assert.equal(fromEnv.url, 'http://localhost:2633/RPC2')
    assert.deepEqual(fromEnv.login, { username: 'eve', password: 'env' })
    const wanted = { endpoint: 'one.example.org:9000', username: 'bob', passwordFile: '/run/password' }
    const said = await read(wanted, env)
    assert.equal(said.url, 'https://one.example.org:9000/pswd/xmlrpc')
    assert.deepEqual(said.login, { username: 'bob', password: 'from-file' })
    const certificate = await read({ certificateFile: '~/.globus/usercert.pem' }, env)
    assert.equal(certificate.url, 'https://localhost:2634/cert/xmlrpc')
    assert.deepEqual(certificate.tls, { cert: 'CERT', key: 'CERT' })
  })

  it('need no file where all is said', async () => {
    const { url, sizes } = await read(
      { endpoint: 'c.example', username: 'a', passwordFile: '/run/password' },
      {},
      {
        '/run/password': 'x',
      },
    )
    assert.equal(url, 'https://c.example:2634/pswd/xmlrpc')
    assert.equal(sizes[0]?.id, 'm1.small')
  })

  it('are refused where something is missing or wrong, by its name and without secrets', async () => {
    const none = { '/run/password': '\n', '/run/bad.cfg': FILES['/run/bad.cfg'] ?? '' }
    const whole = { endpoint: 'c.example', username: 'bob', passwordFile: '/run/password' }
    await refuses({}, /^endpoint: nobody says/, {})
    await refuses({ endpoint: 'c.example' }, /^username: nobody says/, {})
    await refuses({ cloud: 'nowhere' }, /\[nowhere\]/)
    await refuses({ cloud: 'lal' }, /^userConfigFile: cannot read .*ENOENT/, {})
    await refuses({ username: 'bob' }, /^passwordFile: there is no password/)
    await refuses(whole, /^passwordFile: there is no password/, none)
    await refuses({ ...whole, username: 'a:b' }, /^username: /)
    await refuses({ ...whole, passwordFile: '/nowhere' }, /^passwordFile: cannot read \/nowhere \(ENOENT\)/)
    await refuses({ ...whole, certificateFile: '/run/ca.pem' }, /^certificateFile: give either/)
    await refuses({ ...whole, caFile: '/nowhere' }, /^caFile: cannot read/)
    await refuses({ ...whole, userConfigFile: '/run/bad.cfg' }, /^\[instance_types\]: big is no size/, {
      ...FILES,
      ...none,
      '/run/password': 'x',
    })
    await refuses({ endpoint: 'http://c.example/xmlrpc', certificateFile: '/run/ca.pem' }, /by TLS alone/)
    for (const endpoint of ['ftp://c.example', 'https://u:p@c.example/', 'https://c.example/?a', 'c example', ''])
      await refuses({ ...whole, endpoint }, /^endpoint: /)
    for (const marketplaceEndpoint of ['https://m.example/"', 'https://m.example/?a=b', 'https://u:p@m.example'])
      await refuses({ ...whole, marketplaceEndpoint }, /^marketplaceEndpoint: /)
  })
})
