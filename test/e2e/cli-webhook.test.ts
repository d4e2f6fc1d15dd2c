import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BELLHOP, MEMORY_CONFIG, startGateway } from './gateway.ts'
import { run, type Ended } from './programs.ts'

const CONFIG = `${MEMORY_CONFIG}
[webhooks]
allowHttp = true
allowPrivate = ["127.0.0.0/8"]
`

interface Shown {
  readonly id: string
  readonly url: string
  readonly kinds: readonly string[]
}

/** Takes messages, and says that it could not. */
async function receiver(t: TestContext) {
  const heard: { readonly signed: string; readonly signature: string }[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers
      heard.push({ signed: `${String(id)}.${String(at)}.${body}`, signature: String(signature) })
      response.writeHead(503).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { url: `http://127.0.0.1:${address.port}/very-secret`, heard }
}

test('webhooks are made, looked at and removed, and no secret gets lost', async (t) => {
  const { url, heard } = await receiver(t)
  const { folder, url: gateway, log } = await startGateway(t, { config: CONFIG })
  const env = { ...process.env, XDG_STATE_HOME: folder, BELLHOP_URL: gateway, BELLHOP_TOKEN: '' }
  const surroundings = { env, cwd: folder }
  const webhook = (...args: readonly string[]): Promise<Ended> => run(BELLHOP, ['webhook', ...args], surroundings)
  const ids = async (): Promise<readonly string[]> => (await webhook('ls', '-q')).stdout.split('\n').slice(0, -1)
  const file = join(folder, 'webhook.secret')

  await t.test('where the secret cannot be kept, no webhook is made', async () => {
    await writeFile(file, 'somebody’s own\n')
    for (const [path, says] of [
      [file, /--secret-file: cannot make .*exists/],
      [join(folder, 'nowhere', 'secret'), /--secret-file: cannot make .*no such file/],
    ] as const) {
      const { code, stdout, stderr } = await webhook('add', url, '--secret-file', path)
      assert.deepEqual([code, stdout], [5, ''])
      assert.match(stderr, says)
    }
    assert.equal(await readFile(file, 'utf8'), 'somebody’s own\n')
    assert.deepEqual(await ids(), [])
  })

  await t.test('where the file can be made and not be written, neither stays', async () => {
    // No file may grow. Without somebody who takes its signal that ends the program, and Node.js's cache is files too.
    const own = {
      NODE_OPTIONS: `--import=data:text/javascript,process.on('SIGXFSZ',()=>{})`,
      NODE_DISABLE_COMPILE_CACHE: '1',
    }
    const line = 'ulimit -f 0; exec "$0" webhook add "$1" --secret-file full'
    const { code, stdout, stderr } = await run('bash', ['-c', line, BELLHOP, url], {
      ...surroundings,
      env: { ...env, ...own },
    })
    assert.deepEqual([code, stdout], [5, ''])
    assert.match(stderr, /^bellhop: --secret-file: cannot write full: .*; the webhook is removed again\n$/)
    assert.doesNotMatch(stderr, /whsec_/)
    assert.deepEqual(await ids(), [])
    assert.ok(!(await readdir(folder)).includes('full'))
  })

  await t.test('a URL that the gateway refuses leaves no file', async () => {
    const { code, stdout, stderr } = await webhook('add', 'ftp://portal.example.org', '--secret-file', 'other')
    assert.deepEqual([code, stdout], [5, ''])
    assert.match(stderr, /^bellhop: url: begins with ftp:/)
    assert.ok(!(await readdir(folder)).includes('other'))
  })

  const first = await webhook('add', url, '--kind', 'applied', 'failed', '--kind', 'offered', '--secret-file', 'kept')
  const kept = (await readFile(join(folder, 'kept'), 'utf8')).trim()
  const id = first.stdout.trim()

  await t.test('a secret is in its file alone, or is shown once', async () => {
    assert.match(first.stdout, /^[0-9a-f-]{36}\n$/)
    assert.deepEqual([first.code, first.stderr], [0, 'bellhop: its secret is in kept\n'])
    assert.match(kept, /^whsec_[\w+/]{43}=$/)
    assert.equal((await stat(join(folder, 'kept'))).mode & 0o777, 0o600)
    const [second, third] = await Promise.all([
      webhook('add', url),
      webhook('add', url, '-o', 'json', '--secret-file', 'json'),
    ])
    assert.equal(second.code, 0)
    assert.match(second.stdout, /^id {6}[0-9a-f-]{36}\nsecret {2}whsec_[\w+/]{43}=\n$/)
    const shown = JSON.parse(third.stdout) as Shown
    assert.deepEqual([shown.url, Object.hasOwn(shown, 'secret')], [url, false])
  })

  await t.test('a list has them all, and why one fails stands where it is shown', async () => {
    const { stdout } = await webhook('ls')
    assert.match(stdout, /^ID {8}STATE {2}KINDS +FAILURES {2}URL\n/)
    assert.match(stdout, new RegExp(`^${id.slice(0, 8)} {2}on {5}applied, failed, offered {9}0 {2}${url}$`, 'm'))
    assert.equal(stdout.match(/ all but access /g)?.length, 2)
    const made = await run(BELLHOP, ['create'], surroundings)
    assert.equal(made.code, 0, made.stderr)
    let shown = ''
    while (!shown.includes('reason')) shown = (await webhook('show', id.slice(0, 8))).stdout
    assert.match(shown, /^reason {4}.*503/m)
    assert.match(shown, /^next try {2}\S+ \((?:in \d+ s|now)\)$/m)
    const secret = Buffer.from(kept.replace('whsec_', ''), 'base64')
    const isSignedByIt = ({ signed, signature }: (typeof heard)[number]): boolean =>
      signature === `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`
    while (!heard.some(isSignedByIt)) await sleep(20)
    const answer = JSON.parse((await webhook('show', id, '-o', 'json')).stdout) as Shown
    assert.deepEqual([answer.id, answer.kinds], [id, ['applied', 'failed', 'offered']])
  })

  await t.test('the shell completes its commands, kinds and ids', async () => {
    await writeFile(join(folder, 'completion'), (await run(BELLHOP, ['completion', 'bash'])).stdout)
    const offered = async (...words: readonly string[]): Promise<readonly string[]> => {
      const line = `source completion
        COMP_WORDS=(bellhop webhook "$@") COMP_CWORD=$(($# + 1)); _bellhop "$0"; printf '%s\\n' "\${COMPREPLY[@]}"`
      return (await run('bash', ['-c', line, BELLHOP, ...words], surroundings)).stdout.trim().split('\n')
    }
    assert.deepEqual(await offered(''), ['add', 'ls', 'show', 'rm', '--help'])
    assert.deepEqual(await offered('add', url, '--kind', 'f'), ['fetched', 'finished', 'failed'])
    assert.deepEqual(await offered('add', url, '--kind', 'failed', 'a'), ['access', 'applied'])
    assert.deepEqual(await offered('add', url, '--kind', 'failed', '--sec'), ['--secret-file'])
    assert.deepEqual(await offered('show', id.slice(0, 8)), [id])
  })

  await t.test('what is not there, or is no command, has its exit code', async () => {
    const cases = [
      [2, [], /^Usage: bellhop webhook/],
      [2, ['add'], /missing required argument/],
      [2, ['add', url, '--kind', 'nosuch'], /Allowed choices are planned, offered, access/],
      [3, ['show', 'nosuch'], /there is no webhook "nosuch"; bellhop webhook ls/],
      [3, ['rm', id, 'nosuch'], /there is no webhook "nosuch"/],
    ] as const
    const all = await Promise.all(cases.map(async ([, args]) => await webhook(...args)))
    for (const [index, [code, args, says]] of cases.entries()) {
      const ended = all[index]
      assert.deepEqual([ended?.code, ended?.stdout], [code, ''], args.join(' '))
      assert.match(ended?.stderr ?? '', says)
    }
    assert.ok((await ids()).includes(id), 'where one is not there, none is removed')
  })

  await t.test('they are removed, once each', async () => {
    const all = await ids()
    const one = await webhook('rm', id, id.slice(0, 20), '-o', 'json')
    assert.deepEqual([one.code, JSON.parse(one.stdout)], [0, { removed: [id] }])
    const others = all.filter((each) => each !== id)
    const rest = await webhook('rm', ...others)
    assert.deepEqual(
      [rest.code, rest.stdout, rest.stderr],
      [0, '', others.map((each) => `bellhop: webhook ${each} is removed\n`).join('')],
    )
    assert.deepEqual(await ids(), [])
  })

  assert.doesNotMatch(log.join('\n'), /very-secret|whsec_/)
})
