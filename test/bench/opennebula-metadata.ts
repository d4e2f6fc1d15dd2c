/**
 * What it costs to answer the guests of an OpenNebula from its front end's records, beside nginx in the same run, and how soon a new
 * guest is known.
 *
 *     node test/bench/opennebula-metadata.ts [--check] [--quick] [--seconds N] [--count N]
 *
 * The front end is played: its answers are as large as a real one's. Each guest has 1 KB of user data. `kept` is with records
 * that are not due, `due` with each read again ten seconds later, by all guests at once, which is more than a site has to bear.
 *
 * With `--check` the exit code is 1 when a bar is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addressOf, USER_DATA_BYTES } from './metadata-keys.ts'
import { medianOf } from './median.ts'
import { startNginx } from './nginx.ts'
import { has, measureLoad, memoryMiBOf, printMedians, printRow, type Measured, type Target } from './wrk.ts'

const PATH = '/latest/user-data'
const CONNECTIONS = 64
/** A guest that asks for the first time waits no longer, by the median. */
const NOTICE_BAR_MS = 2000
const NOTICES = 5

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '15' },
    count: { type: 'string', default: '10000' },
  },
})
// Quick: to see that it runs; its figures say nothing.
if (values.quick) Object.assign(values, { seconds: '1', count: '500' })
const count = Number(values.count)

const userData = randomBytes((USER_DATA_BYTES / 4) * 3).toString('base64')
const started: ChildProcess[] = []
/** Guests have the numbers of their addresses. */
let guests = count
const asked = { 'one.vn.info': 0, 'one.vm.info': 0 }
const frontEnd = createServer((request, response) => {
  void buffer(request).then((body) => {
    const method = /<methodName>(.*?)</.exec(body.toString('latin1'))?.[1]
    const id = Number(/<i4>(\d+)</.exec(body.toString('latin1'))?.[1])
    response.writeHead(200, { 'content-type': 'text/xml', connection: 'close' })
    if (method === 'one.vn.info') response.end(answer(networkBody()))
    else response.end(answer(vmBody(id)))
    if (method === 'one.vn.info' || method === 'one.vm.info') asked[method]++
  })
})
frontEnd.listen(0, '127.0.0.1')
await once(frontEnd, 'listening')
const folder = mkdtempSync(join(tmpdir(), 'bellhop-bench-'))
try {
  await main()
} finally {
  for (const child of started)
    if (child.stdin) child.stdin.end()
    else child.kill()
  rmSync(folder, { recursive: true })
  frontEnd.close()
}

async function main(): Promise<void> {
  if (!has('nginx', 'nginx-light') || !has('wrk', 'wrk')) return
  console.log(`GET ${PATH} of ${USER_DATA_BYTES} bytes, ${count} guests at random, ${CONNECTIONS} connections\n`)
  printRow('what', 'CPU us', 'req/s', 'p50 ms', 'p99 ms')
  const nginx = await startNginx(folder, USER_DATA_BYTES)
  started.push(nginx.child)
  await load('nginx, a constant', nginx)
  const kept = await startOurs(3_600_000)
  await load('first requests', kept)
  // Who was not asked for yet.
  await measure(kept)
  await load('kept', kept)
  await load('due', await startOurs(10_000))
  console.log(`\nmemory of the server: ${memoryMiBOf(kept.pids).toFixed(0)} MiB`)
  const noticeMs: number[] = []
  for (let time = 0; time < NOTICES; time++) noticeMs.push(await timeToNotice(kept.port))
  const median = medianOf(noticeMs)
  console.log(
    `a new guest's first answer: ${noticeMs.map((ms) => ms.toFixed(0)).join(' ')} ms, median ${median.toFixed(0)}`,
  )
  console.log(`  at most ${NOTICE_BAR_MS}: ${median <= NOTICE_BAR_MS ? 'yes' : 'NO'}`)
  if (values.check && median > NOTICE_BAR_MS) process.exitCode = 1
}

async function load(name: string, target: Target): Promise<void> {
  const before = { ...asked }
  printMedians(name, [await measure(target)])
  if (asked['one.vm.info'] === before['one.vm.info'] && asked['one.vn.info'] === before['one.vn.info']) return
  const calls = (method: keyof typeof asked) => ((asked[method] - before[method]) / Number(values.seconds)).toFixed(1)
  console.log(`  calls a second: ${calls('one.vm.info')} one.vm.info, ${calls('one.vn.info')} one.vn.info`)
}

function measure(target: Target): Promise<Measured> {
  const args = [PATH, String(count), 'close']
  const seconds = Number(values.seconds)
  return measureLoad(target, { script: 'metadata.lua', args, connections: CONNECTIONS, seconds })
}

async function startOurs(recordMs: number): Promise<Target> {
  const program = fileURLToPath(new URL('opennebula-metadata-server.ts', import.meta.url))
  const url = `http://127.0.0.1:${(frontEnd.address() as AddressInfo).port}/RPC2`
  const child = spawn(process.execPath, [program, url, String(recordMs)], { stdio: ['pipe', 'pipe', 'inherit'] })
  started.push(child)
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  return { port: (JSON.parse(value as string) as { port: number }).port, pids: [child.pid ?? 0] }
}

/** From when its front end knows a guest until that guest has its user data, in milliseconds. */
async function timeToNotice(port: number): Promise<number> {
  // Somewhere between two readings.
  await sleep(200 + Math.random() * 3000)
  const began = performance.now()
  const headers = { 'X-Forwarded-For': addressOf(guests++) }
  const options = { host: '127.0.0.1', port, path: PATH, headers, agent: false }
  const [response] = (await once(get(options), 'response')) as [IncomingMessage]
  const length = (await text(response)).length
  if (response.statusCode !== 200) throw new Error(`a new guest got ${response.statusCode} and ${length} characters`)
  return performance.now() - began
}

function answer(body: string): string {
  const escaped = body.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return `<?xml version="1.0"?><methodResponse><params><param><value><array><data><value><boolean>1</boolean></value><value><string>${escaped}</string></value><value><i4>0</i4></value></data></array></value></param></params></methodResponse>`
}

function cdata(name: string, value: string): string {
  return `<${name}><![CDATA[${value}]]></${name}>`
}

function owned(id: number, name: string): string {
  return `<ID>${id}</ID><UID>0</UID><GID>0</GID><NAME>${name}</NAME>`
}

/** As large as the real one: 377 bytes a lease. */
function networkBody(): string {
  const leases = Array.from({ length: guests }, (_, at) => {
    const words = cdata('IP', addressOf(at)) + cdata('MAC', '02:00:0a:00:00:01') + cdata('VM', String(at))
    return `<LEASE>${words}${cdata('EXTRA', 'x'.repeat(200))}</LEASE>`
  })
  return `<VNET>${owned(0, 'public')}<STATE>1</STATE><TEMPLATE/><AR_POOL><AR><LEASES>${leases.join('')}</LEASES></AR></AR_POOL></VNET>`
}

/** As large as the real one: 7 KB. */
function vmBody(id: number): string {
  const parts = Array.from({ length: 60 }, (_, at) => cdata(`ETH0_PART_${at}`, 'x'.repeat(30))).join('')
  const nic =
    cdata('NIC_ID', '0') + cdata('IP', addressOf(id)) + cdata('MAC', '02:00:0a:00:00:01') + cdata('NETWORK_ID', '0')
  const template = `<CONTEXT>${cdata('USER_DATA', userData)}${parts}</CONTEXT><NIC>${nic}</NIC><MEMORY>64</MEMORY>`
  return `<VM>${owned(id, `vm-${id}`)}<STATE>3</STATE><LCM_STATE>3</LCM_STATE><STIME>1</STIME><ETIME>0</ETIME><TEMPLATE>${template}</TEMPLATE><USER_TEMPLATE/><HISTORY_RECORDS/></VM>`
}
