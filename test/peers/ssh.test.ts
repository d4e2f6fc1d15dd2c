import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { findProcesses } from '../../src/providers/qemu/processes.ts'
import { eventually } from '../e2e/eventually.ts'
import { BELLHOP } from '../e2e/gateway.ts'
import { ROOT, run, type Ended } from '../e2e/programs.ts'
import { enterNamespaces, GUEST, HOME, needSsh } from './ssh/namespace.ts'
import { KEY_TYPES, makeKey, startSshServer, type SshServer } from './ssh/server.ts'
import { openSite, type Site } from './ssh/site.ts'

enterNamespaces(import.meta.filename)

/** Exit codes of `bellhop`, and of ssh. */
const [UNAVAILABLE, CONFLICT, FAILED] = [6, 9, 255]

interface User extends Site {
  /** The private key that servers let in. */
  readonly identity: string
  /** `bellhop ssh web -l root`, by the identity. */
  readonly logIn: (command: readonly string[], ...options: readonly string[]) => Promise<Ended>
}

async function openUser(t: TestContext, scheme?: 'http' | 'https'): Promise<User> {
  const site = await openSite(t, scheme)
  const identity = await makeKey(HOME, 'ed25519')
  const logIn = async (command: readonly string[], ...options: readonly string[]): Promise<Ended> =>
    await site.ssh(['web', '-l', 'root', '-i', identity, ...options, '--', ...command])
  return { ...site, identity, logIn }
}

/** A guest's server that is known. */
async function openKnown(t: TestContext): Promise<{ readonly user: User; readonly server: SshServer }> {
  const user = await openUser(t)
  const server = await startSshServer(t, user)
  await user.phoneHome(server.publicKeys)
  return { user, server }
}

/** Somebody else's server in the place of one. */
async function replace(t: TestContext, server: SshServer, user: User): Promise<SshServer> {
  await server.stop()
  return await startSshServer(t, user)
}

async function known(): Promise<string> {
  return await readFile(join(HOME, '.ssh', 'known_hosts'), 'utf8')
}

/** It met the client so many times, and heard neither who wanted to log in, nor by what, nor what for. */
async function assertToldNothing({ log }: Pick<SshServer, 'log'>, times = 1, from = 0): Promise<void> {
  const closed = new RegExp(`^Connection closed by ${GUEST} port \\d+ \\[preauth\\]`)
  // It notices after the client has ended.
  await eventually(`it was left ${times} times`, () => {
    const lines = log.slice(from).filter((line) => closed.test(line))
    return lines.length === times || undefined
  })
  assert.doesNotMatch(log.slice(from).join('\n'), /root|user|publickey/i)
}

describe('bellhop ssh to a real SSH server', () => {
  it('runs a command where the keys are proven, and ends as it does; nobody is asked, nothing is remembered', async (t) => {
    if (!needSsh(t)) return
    const { user } = await openKnown(t)
    await writeFile(join(HOME, '.ssh', 'known_hosts'), '# mine\n')
    const said = await user.logIn(['echo "$USER in" "$SSH_CONNECTION"; echo out >&2'])
    assert.match(said.stdout, new RegExp(`^root in \\S+ \\d+ ${GUEST} 22\n$`))
    assert.deepEqual([said.code, said.stderr], [0, 'out\n'])
    assert.equal((await user.logIn(['exit 7'])).code, 7)
    assert.deepEqual(await readdir(join(HOME, '.ssh')), ['known_hosts'])
    assert.deepEqual([await known(), await user.asked(), await readdir(user.temporary)], ['# mine\n', '', []])
  })

  it('ends with 255 where the server does not know the user’s key', async (t) => {
    if (!needSsh(t)) return
    const { user } = await openKnown(t)
    const other = await makeKey(HOME, 'ecdsa')
    const refused = await user.ssh(['web', '-l', 'root', '-i', other, '--', 'true'])
    assert.equal(refused.code, FAILED)
    assert.match(refused.stderr, /Permission denied \(publickey\)/)
  })

  it('passes bytes through, both ways', async (t) => {
    if (!needSsh(t)) return
    const { user } = await openKnown(t)
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * 31) & 0xff))
    const ended = await user.ssh(['web', '-l', 'root', '-i', user.identity, '--', 'cat'], bytes)
    assert.deepEqual([ended.code, ended.stderr], [0, ''])
    assert.ok(ended.bytes.equals(bytes))
  })

  for (const type of ['rsa', 'ecdsa'] as const)
    it(`takes a server by its ${type} key alone, which has better ones too`, async (t) => {
      if (!needSsh(t)) return
      const user = await openUser(t)
      const { publicKeys } = await startSshServer(t, user)
      await user.phoneHome({ [type]: publicKeys[type] })
      assert.deepEqual([(await user.logIn(['true'])).code, await user.asked()], [0, ''])
    })

  it('tells nothing to a server with other keys, whatever it is told to accept', async (t) => {
    if (!needSsh(t)) return
    const { user, server } = await openKnown(t)
    const other = await replace(t, server, user)
    for (const options of [[], ['--accept-new']]) {
      const refused = await user.logIn(['true'], ...options)
      assert.equal(refused.code, FAILED)
      assert.match(refused.stderr, /Host key verification failed/)
    }
    await assertToldNothing(other, 2)
    assert.equal(await user.asked(), '')
  })

  it('goes by no connection that was there before', async (t) => {
    if (!needSsh(t)) return
    const { user, server } = await openKnown(t)
    const other = await replace(t, server, user)
    await writeFile(
      join(HOME, '.ssh', 'config'),
      'ControlMaster auto\nControlPath ~/.ssh/%C\nControlPersist yes\nStrictHostKeyChecking no\nLogLevel ERROR\n',
    )
    const trusting = await run('ssh', ['-l', 'root', '-i', user.identity, GUEST, 'echo in'], { env: user.env })
    assert.equal(trusting.stdout, 'in\n', 'it lets in who does not look')
    await eventually('it says so', () => other.log.find((line) => line.startsWith('Accepted publickey for root')))
    const before = other.log.length
    assert.equal((await user.logIn(['true'])).code, FAILED)
    await assertToldNothing(other, 1, before)
  })

  it('takes keys that nothing proves only where it is told to, and then no others', async (t) => {
    if (!needSsh(t)) return
    const user = await openUser(t, 'http')
    const server = await startSshServer(t, user)
    await user.phoneHome(server.publicKeys)
    const refused = await user.logIn(['true'])
    assert.equal(refused.code, CONFLICT)
    assert.match(refused.stderr, /^bellhop: nothing proves .* --accept-new connects all the same\n$/)
    const unprinted = await user.ssh(['--known-hosts', 'web'])
    assert.deepEqual(
      [unprinted.code, unprinted.stdout],
      [CONFLICT, ''],
      'a file would not tell that nothing proves them',
    )
    assert.match((await user.ssh(['--known-hosts', '--accept-new', 'web'])).stdout, / ssh-ed25519 /)
    assert.equal(server.log.filter((line) => line.startsWith('Connection')).length, 0, 'it met nobody')
    assert.equal((await user.logIn(['true'], '--accept-new')).code, 0)
    assert.equal((await user.logIn(['true'], '--accept-new')).code, 0)
    const other = await replace(t, server, user)
    assert.equal((await user.logIn(['true'], '--accept-new')).code, FAILED)
    await assertToldNothing(other)
    assert.deepEqual(await readdir(join(HOME, '.ssh')), [])
  })

  it('remembers what it finds, by the id of the machine, where its guest told nothing', async (t) => {
    if (!needSsh(t)) return
    const user = await openUser(t)
    const server = await startSshServer(t, user)
    const refused = await user.logIn(['true'])
    assert.deepEqual([refused.code, refused.stderr.includes('told no host keys')], [CONFLICT, true])
    assert.equal((await user.logIn(['true'], '--accept-new')).code, 0)
    const lines = (await known()).trim().split('\n')
    assert.equal(lines.length, 1)
    const [, ...key] = lines[0]?.split(' ') ?? []
    assert.equal(`${key.join(' ')} root@ed25519\n`, server.publicKeys.ed25519)
    const found = await run('ssh-keygen', ['-F', user.instance.id, '-f', join(HOME, '.ssh', 'known_hosts')])
    assert.equal(found.code, 0)
    assert.equal((await user.logIn(['true'], '--accept-new')).code, 0)
    const other = await replace(t, server, user)
    const late = await user.logIn(['true'], '--accept-new')
    assert.equal(late.code, FAILED)
    assert.match(late.stderr, /REMOTE HOST IDENTIFICATION HAS CHANGED/)
    await assertToldNothing(other)
    assert.deepEqual([(await known()).trim().split('\n'), await user.asked()], [lines, ''])
  })

  it('prints lines by which ssh itself knows the server, on any port', async (t) => {
    if (!needSsh(t)) return
    const { user, server } = await openKnown(t)
    const far = await startSshServer(t, { ...user, port: 2222 })
    const plain = async (...parameters: readonly string[]): Promise<number | null> =>
      (await run('ssh', ['-l', 'root', '-i', user.identity, ...parameters, GUEST, 'true'], { env: user.env })).code
    assert.equal(await plain(), FAILED)
    assert.match(await user.asked(), /authenticity of host/, 'it asks')
    const { code, stdout, stderr } = await user.ssh(['--known-hosts', 'web'])
    assert.deepEqual([code, stderr], [0, ''])
    const file = join(HOME, '.ssh', 'known_hosts')
    await writeFile(file, stdout)
    for (const host of [GUEST, user.instance.id]) {
      const found = await run('ssh-keygen', ['-F', host, '-f', file])
      const keys = KEY_TYPES.map((type) => server.publicKeys[type].split(' ')[1] ?? '')
      for (const key of keys) assert.ok(found.stdout.includes(` ${key}\n`), host)
    }
    const before = await user.asked()
    for (const type of ['ssh-ed25519', 'rsa-sha2-512', 'ecdsa-sha2-nistp256']) {
      // ssh itself takes out of the file what it was told not to use.
      await writeFile(file, stdout)
      assert.equal(await plain('-o', `HostKeyAlgorithms=${type}`), 0, type)
    }
    await writeFile(file, stdout)
    assert.equal(await user.asked(), before)
    assert.equal(await plain('-p', '2222', '-o', 'BatchMode=yes'), FAILED, 'the other server there has other keys')
    await far.stop()
  })

  it('says what is missing: an address, or ssh', async (t) => {
    if (!needSsh(t)) return
    const user = await openUser(t)
    const nowhere = await user.ssh(['nowhere', '--accept-new'])
    assert.equal(nowhere.code, UNAVAILABLE)
    assert.match(nowhere.stderr, /^bellhop: [\w-]{36} has no address that its provider tells/)
    const main = join(ROOT, 'src', 'cli', 'main.ts')
    const env = { ...user.env, PATH: user.temporary }
    const { code, stderr } = await run(process.execPath, [main, 'ssh', 'web', '--accept-new'], { env })
    assert.deepEqual([code, stderr], [UNAVAILABLE, 'bellhop: there is no ssh here: install it (openssh-client)\n'])
    assert.deepEqual(await readdir(user.temporary), [])
  })

  it('ends with its ssh where it alone gets a signal, and leaves nothing, while a command runs', async (t) => {
    if (!needSsh(t)) return
    const { user } = await openKnown(t)
    for (const [signal] of SIGNALS) {
      const child = start(user)
      await once(child.stdout, 'data')
      assert.equal(await endedBy(child, signal), FAILED, signal)
      await assertNothingLeft(user)
    }
  })

  it('does so too before the server says a word', async (t) => {
    if (!needSsh(t)) return
    const user = await openUser(t)
    const silent = createServer().listen(22, GUEST)
    t.after(() => silent.close())
    await user.phoneHome({ ed25519: await readFile(`${user.identity}.pub`, 'utf8') })
    for (const [signal, code] of SIGNALS) {
      const connected = once(silent, 'connection') as Promise<[Socket]>
      const child = start(user)
      const [socket] = await connected
      assert.equal(await endedBy(child, signal), code, signal)
      await assertNothingLeft(user)
      socket.destroy()
    }
  })
})

/** With what a shell ends that one of them ends. */
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const

function start({ env, identity }: User) {
  const parameters = ['ssh', 'web', '-l', 'root', '-i', identity, '--', 'echo on; exec sleep 600']
  return spawn(BELLHOP, parameters, { env, stdio: ['ignore', 'pipe', 'ignore'] })
}

/** @returns what it ended with once it, and nothing else, got the signal */
async function endedBy(child: ReturnType<typeof start>, signal: NodeJS.Signals): Promise<unknown> {
  const ended = once(child, 'exit')
  child.kill(signal)
  return (await ended)[0]
}

async function assertNothingLeft({ temporary, identity }: User): Promise<void> {
  assert.deepEqual(await readdir(temporary), [])
  await eventually('no ssh is left', async () => {
    const left = await findProcesses((parameters) => parameters.includes(identity))
    return left.length === 0 || undefined
  })
}
