import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { reach, tell } from '../opennebula/asking.ts'
import { startOpenNebula } from '../opennebula/opennebula.ts'
import { BELLHOP } from './gateway.ts'
import { run } from './programs.ts'

const CREDENTIAL = 'oneadmin:opennebula'

describe('bellhop metadata', () => {
  it('answers guests of an OpenNebula, says who fetched what, and ends well', async (t) => {
    const one = await startOpenNebula(t)
    for (const name of ['public', 'private'])
      one.addNetwork({ name, mode: '604', range: { first: '127.1.0.10', size: 4 } })
    const context = 'CONTEXT=[ USER_DATA="for the guest" ]'
    const cards = 'NIC=[ NETWORK_ID="0" ]\nNIC=[ NETWORK_ID="1" ]'
    await reach(one, Number(await tell(one, 'one.vm.allocate', `CPU=1\nMEMORY=64\n${cards}\n${context}`, false)), 3, 3)
    const folder = await mkdtemp(join(tmpdir(), 'bellhop-metadata-'))
    t.after(() => rm(folder, { recursive: true }))
    const authFile = join(folder, 'one_auth')
    await writeFile(authFile, `${CREDENTIAL}\n`, { mode: 0o600 })

    const listeners = ['0', '1'].flatMap((network) => ['--network', network, '--listen', '127.0.0.1:0'])
    const args = ['metadata', '--from', 'opennebula', '--endpoint', one.url, '--auth-file', authFile, ...listeners]
    const child = spawn(BELLHOP, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]()
    const next = async () => String((await lines.next()).value)
    for (const network of [0, 1]) {
      const line = await next()
      const port = /guests of network (\d) are answered on http:\/\/127\.0\.0\.1:(\d+)$/.exec(line)
      assert.equal(port?.[1], String(network), line)
      const [response] = (await once(
        get({ host: '127.0.0.1', port: Number(port?.[2]), localAddress: '127.1.0.10', path: '/latest/user-data' }),
        'response',
      )) as [IncomingMessage]
      assert.equal(await text(response), 'for the guest')
    }
    assert.equal(await next(), 'bellhop: VM 0 fetched 13 bytes of user data as 127.1.0.10 of network 0')
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number | null]
    assert.equal(code, 0)
  })

  it('says what is wrong with its options', async () => {
    const wrong = async (...args: readonly string[]) => {
      const { code, stderr } = await run(BELLHOP, ['metadata', '--from', 'opennebula', ...args])
      return `${code} ${stderr}`
    }
    const listen = ['--listen', '127.0.0.1:0']
    assert.match(await wrong(...listen), /^2 .*--network/s)
    assert.match(await wrong('--network', '1', '--network', '2', ...listen), /^3 .*2 times and --listen 1 times/s)
    assert.match(await wrong('--network', 'public', ...listen), /^3 .*onevnet list/s)
    assert.match(await wrong('--network', '1', '--listen', '8775'), /^3 .*like 10\.0\.0\.2:8775/s)
    assert.match(await wrong('--network', '1', ...listen, '--auth-file', '/no/such'), /^3 .*\/no\/such/s)
  })
})
