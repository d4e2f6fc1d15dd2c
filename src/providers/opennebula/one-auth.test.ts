import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { readOneCredential } from './one-auth.ts'

type Env = Readonly<Record<string, string>>
type Files = Readonly<Record<string, string>>

/** A file whose content is the name of an error is one that cannot be read. */
function read(files: Files, env: Env = {}, wanted: { url?: string; authFile?: string } = {}) {
  const readFile = async (path: string) => {
    const text = Object.hasOwn(files, path) ? (files[path] ?? 'ENOENT') : 'ENOENT'
    if (/^E[A-Z]+$/.test(text)) throw Object.assign(new Error(`${text}: ${path}`), { code: text })
    return text
  }
  return readOneCredential(wanted, { env, readFile, home: '/home/alice' })
}

const HOME = { '/home/alice/.one/one_auth': 'alice:wonder:land\n' }
const FRONT_END = { '/var/lib/one/.one/one_auth': 'oneadmin:opennebula' }

const refused = (asked: Promise<unknown>, message: RegExp) =>
  assert.rejects(asked, (error) => {
    assert.ok(isCloudError(error, 'invalid'), String(error))
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /secret|wonder/)
    return true
  })

describe('the credential', () => {
  it('is the first line of ~/.one/one_auth, whatever colons a password has', async () => {
    assert.equal((await read(HOME)).session, 'alice:wonder:land')
    const lines = { '/home/alice/.one/one_auth': 'alice:pass word \r\nsecond:line\n' }
    assert.equal((await read(lines)).session, 'alice:pass word')
  })

  it('is that of the file which ONE_AUTH names, where it is there', async () => {
    const files = { ...HOME, '/etc/site/auth': 'site:secret' }
    assert.equal((await read(files, { ONE_AUTH: '/etc/site/auth' })).session, 'site:secret')
    assert.equal((await read(files, { ONE_AUTH: '/etc/site/gone' })).session, 'alice:wonder:land')
    assert.equal((await read(files, { ONE_AUTH: '' })).session, 'alice:wonder:land')
  })

  it('is that of the front end where there is no other', async () => {
    assert.equal((await read(FRONT_END)).session, 'oneadmin:opennebula')
    assert.equal((await read({ ...FRONT_END, ...HOME })).session, 'alice:wonder:land')
  })

  it('is that of the file in the settings, and of no other', async () => {
    const files = { ...HOME, '/etc/site/auth': 'site:secret' }
    assert.equal((await read(files, { ONE_AUTH: '/x' }, { authFile: '/etc/site/auth' })).session, 'site:secret')
    await refused(
      read(HOME, {}, { authFile: '/etc/site/auth' }),
      /^no credential .* there is no \/etc\/site\/auth; write/,
    )
  })

  it('that is missing, not for us or no credential is refused, naming the file', async () => {
    await refused(
      read({ '/var/lib/one/.one/one_auth': 'EACCES' }, { ONE_AUTH: '/a' }),
      /there is no \/a, \/home\/alice\/\.one\/one_auth, \/var\/lib\/one\/\.one\/one_auth;/,
    )
    await refused(
      read({ '/home/alice/.one/one_auth': 'EACCES' }),
      /^\/home\/alice\/\.one\/one_auth: cannot be read \(EACCES\)$/,
    )
    for (const text of ['secret', ':secret', 'secret:', '\nalice:secret', ''])
      await refused(
        read({ '/home/alice/.one/one_auth': text }),
        /^\/home\/alice\/\.one\/one_auth: its first line is not user:password$/,
      )
  })
})

describe('the address', () => {
  const ENDPOINT = { ...HOME, '/home/alice/.one/one_endpoint': 'http://one.example.org:2633/RPC2\n' }

  it('is that of the settings, else of ONE_XMLRPC, else of the file, else this host', async () => {
    const env = { ONE_XMLRPC: 'https://other.example.org/RPC2' }
    const url = 'http://[2001:db8::1]:2633/RPC2'
    assert.equal((await read(ENDPOINT, env, { url })).url, url)
    assert.equal((await read(ENDPOINT, env)).url, 'https://other.example.org/RPC2')
    assert.equal((await read(ENDPOINT)).url, 'http://one.example.org:2633/RPC2')
    assert.equal(
      (await read({ ...HOME, '/var/lib/one/.one/one_endpoint': 'http://front:1/RPC2' })).url,
      'http://front:1/RPC2',
    )
    assert.equal((await read(HOME)).url, 'http://localhost:2633/RPC2')
  })

  it('that is none, or has a credential in it, is refused, naming where it stands', async () => {
    const noAddress = (where: string) => new RegExp(`^${where}: not an address of XML-RPC; write it like http://`)
    await refused(read(HOME, { ONE_XMLRPC: 'one.secret:2633' }), noAddress('ONE_XMLRPC'))
    await refused(read(HOME, {}, { url: 'ftp://secret/RPC2' }), noAddress('url'))
    await refused(
      read({ ...HOME, '/home/alice/.one/one_endpoint': 'secret' }),
      noAddress('/home/alice/.one/one_endpoint'),
    )
    await refused(
      read(HOME, { ONE_XMLRPC: 'http://alice:secret@one/RPC2' }),
      /^ONE_XMLRPC: an address holds no credential/,
    )
  })
})
