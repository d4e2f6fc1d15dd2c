import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { request, type IncomingMessage, type RequestOptions } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { reach, tell } from '../opennebula/asking.ts'
import { startOneProxy } from '../opennebula/one-proxy.ts'
import { startOpenNebula, type OpenNebula, type OpenNebulaOptions } from '../opennebula/opennebula.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { BELLHOP } from './gateway.ts'
import { ROOT, run } from './programs.ts'

const CREDENTIAL = 'oneadmin:opennebula'
const GUEST = '127.1.0.10'
const HOWTO = join(ROOT, 'docs', 'howto', 'opennebula-metadata.md')

/** A front end with networks 0 to 7, and a guest in those that are named. */
async function frontEnd(
  t: TestContext,
  userData: string,
  networks: readonly number[],
  options?: OpenNebulaOptions,
): Promise<OpenNebula> {
  const one = await startOpenNebula(t, options)
  for (let at = 0; at < 8; at++) one.addNetwork({ name: `net-${at}`, mode: '604', range: { first: GUEST, size: 4 } })
  const cards = networks.map((network) => `NIC=[ NETWORK_ID="${network}" ]`).join('\n')
  const template = `CPU=1\nMEMORY=64\n${cards}\nCONTEXT=[ EC2_USER_DATA="${Buffer.from(userData).toString('base64')}" ]`
  const isOld = options?.version === '3.2'
  await reach(one, Number(await tell(one, 'one.vm.allocate', template, ...(isOld ? [] : [false]))), 3, 3)
  return one
}

/** A folder that holds the state and the credentials of a site. */
async function siteFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-metadata-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'one_auth'), `${CREDENTIAL}\n`, { mode: 0o600 })
  await writeFile(join(folder, 'stratuslab_password'), 'opennebula\n', { mode: 0o600 })
  return folder
}

interface Running {
  readonly child: ChildProcess
  /** The next line that it says. */
  readonly next: () => Promise<string>
}

function start(t: TestContext, folder: string, program: string, args: readonly string[]): Running {
  const PATH = [dirname(BELLHOP), process.env['PATH']].join(delimiter)
  const env = { ...process.env, PATH, HOME: folder, XDG_STATE_HOME: folder }
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]()
  return { child, next: async () => String((await lines.next()).value) }
}

/** @returns where the guests of each network are answered, in order */
async function listeners({ next }: Running, count: number): Promise<readonly { who: string; port: number }[]> {
  const found = []
  for (let at = 0; at < count; at++) {
    const line = await next()
    const [, who, port] = /^bellhop: (.*) are answered on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line) ?? []
    assert.ok(who !== undefined, line)
    found.push({ who, port: Number(port) })
  }
  return found
}

async function ask(port: number, path = '/latest/user-data', more: RequestOptions = {}): Promise<string> {
  const asking = request({ host: '127.0.0.1', port, localAddress: GUEST, path, agent: false, ...more }).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const body = await text(response)
  return response.statusCode === 200 ? body : String(response.statusCode)
}

async function end({ child }: Running): Promise<void> {
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(code, 0)
}

describe('bellhop metadata', () => {
  it('answers guests of an OpenNebula, says who fetched what, and ends well; sessions outlive it', async (t) => {
    const one = await frontEnd(t, 'for the guest', [0, 1])
    const folder = await siteFolder(t)
    const networks = ['0', '1'].flatMap((network) => ['--network', network, '--listen', '127.0.0.1:0'])
    const authFile = join(folder, 'one_auth')
    const args = ['metadata', '--from', 'opennebula', '--endpoint', one.url, '--auth-file', authFile, ...networks]
    const first = start(t, folder, BELLHOP, args)
    const ports = await listeners(first, 2)
    assert.deepEqual(
      ports.map(({ who }) => who),
      ['guests of network 0', 'guests of network 1'],
    )
    for (const { port } of ports) assert.equal(await ask(port), 'for the guest')
    assert.equal(await first.next(), `bellhop: VM 0 fetched 13 bytes of user data as ${GUEST} of network 0`)
    const seconds = { 'X-aws-ec2-metadata-token-ttl-seconds': '60' }
    const token = await ask(ports[0]?.port ?? 0, '/latest/api/token', { method: 'PUT', headers: seconds })
    await end(first)

    assert.equal((await stat(join(folder, 'bellhop', 'metadata-from.key'))).mode & 0o777, 0o600)
    const again = start(t, folder, BELLHOP, args)
    const [at] = await listeners(again, 2)
    const withToken = (value: string) => ({ headers: { 'X-aws-ec2-metadata-token': value } })
    assert.equal(await ask(at?.port ?? 0, undefined, withToken(token)), 'for the guest')
    assert.equal(await ask(at?.port ?? 0, undefined, withToken(token.slice(0, -1))), '401')
    await end(again)
  })

  it('answers guests of a StratusLab that its user file names', async (t) => {
    const lab = await frontEnd(t, 'of the lab', [0], { version: '3.2' })
    const { url } = await startOneProxy(t, lab, { users: { oneadmin: 'opennebula' } })
    const folder = await siteFolder(t)
    const userFile = join(folder, 'user.cfg')
    await writeFile(userFile, `[lal]\nendpoint = ${url}\nusername = oneadmin\npassword = opennebula\n`)
    const network = ['--network', '0', '--listen', '127.0.0.1:0']
    const cloud = ['--user-config-file', userFile, '--cloud', 'lal']
    const running = start(t, folder, BELLHOP, ['metadata', '--from', 'stratuslab', ...cloud, ...network])
    const [at] = await listeners(running, 1)
    assert.equal(await ask(at?.port ?? 0), 'of the lab')
    await end(running)
  })

  it('runs as its how-to says, with one front end and with several', async (t) => {
    const one = await frontEnd(t, 'of the one', [3, 7])
    const lab = await frontEnd(t, 'of the lab', [0], { version: '3.2' })
    const { url } = await startOneProxy(t, lab, { users: { oneadmin: 'opennebula' } })
    const folder = await siteFolder(t)
    // The site of the page is this one.
    const page = (await readFile(HOWTO, 'utf8'))
      .replaceAll('http://one.example.org:2633/RPC2', one.url)
      .replaceAll('https://cloud.example.org/one-proxy/xmlrpc', url)
      .replaceAll(/10\.0\.0\.2:\d+/g, '127.0.0.1:0')
      .replaceAll('/etc/bellhop/', `${folder}/`)
    const block = (language: string, text: string): string => {
      const found = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].find(
        ([, each, code]) => each === language && code?.includes(text),
      )
      return found?.[2] ?? assert.fail(`the page has no block of ${language} with ${text}`)
    }
    await writeFile(join(folder, 'bellhop.toml'), block('toml', '[[metadata.from]]'))

    const alone = start(t, folder, 'bash', ['-c', `exec ${block('sh', '--from opennebula')}`])
    for (const { who, port } of await listeners(alone, 2)) assert.equal(await ask(port), 'of the one', who)
    await end(alone)

    const several = start(t, folder, 'bash', ['-c', `exec ${block('sh', '--config')}`])
    const heard = []
    for (const { who, port } of await listeners(several, 3)) heard.push([who, await ask(port)])
    assert.deepEqual(heard, [
      ['brno: guests of network 3', 'of the one'],
      ['brno: guests of network 7', 'of the one'],
      ['lal: guests of network 0', 'of the lab'],
    ])
    await end(several)
  })

  it('says what is wrong with its options', async (t) => {
    const folder = await siteFolder(t)
    const env = { ...process.env, HOME: folder, XDG_STATE_HOME: folder }
    const said = async (...args: readonly string[]) => await run(BELLHOP, ['metadata', ...args], { env })
    const refused = async (ended: ReturnType<typeof said>, message: RegExp, exitCode: number = EXIT.invalid) => {
      const { code, stderr } = await ended
      assert.match(stderr, message)
      assert.equal(code, exitCode, stderr)
    }
    const wrong = (...args: readonly string[]) => said('--from', 'opennebula', ...args)
    const listen = ['--listen', '127.0.0.1:0']
    await refused(said('--network', '1', ...listen), /--from.*stratuslab.*--config/s)
    await refused(said('--from', 'nova'), /--from/s, EXIT.usage)
    await refused(wrong(...listen), /--network/s)
    await refused(wrong('--network', '1', '--network', '2', ...listen), /2 times and --listen 1 times/s)
    await refused(wrong('--network', 'public', ...listen), /onevnet list/s)
    await refused(wrong('--network', '1', '--listen', '8775'), /like 10\.0\.0\.2:8775/s)
    await refused(wrong('--network', '1', ...listen, '--auth-file', '/no/such'), /\/no\/such/s)
    await refused(wrong('--network', '1', ...listen, '--cloud', 'lal'), /cloud is no setting of opennebula/s)
    const config = join(folder, 'bellhop.toml')
    await writeFile(config, '')
    await refused(said('--config', config), /has no \[\[metadata\.from\]\]/s)
    await refused(said('--config', config, '--network', '1'), /either it, or --from/s)
  })
})
