// Runs within namespaces of its own: a network that has the metadata address alone, a server there, and the agent. Reads a job
// from standard input, and writes what came of it.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { AGENT } from '../../agent/run-agent.ts'
import { listenAs } from './servers.ts'
import type { Ended, Job } from './namespace.ts'

const job = JSON.parse(await text(process.stdin)) as Job
// Where nobody answers, not even with a refusal, packets go to a device whose other end has no address.
const network =
  job.server === 'absent'
    ? `ip link add near type veth peer name far
       ip link set near arp off up
       ip link set far up
       ip address add 169.254.1.1/16 dev near`
    : 'ip address add 169.254.169.254/32 dev lo'
execFileSync('sh', [
  '-euc',
  `ip link set lo up
${network}`,
])

const server = await listenAs(job.server === 'absent' ? 'none' : job.server)
const [program = 'sh', ...words] = job.shell
const began = performance.now()
const child = spawn(program, [...words, AGENT, ...job.options], {
  env: { PATH: job.path },
  stdio: ['ignore', 'pipe', 'pipe'],
})
const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
const ended: Ended = {
  status: child.exitCode,
  stdout,
  stderr,
  seconds: (performance.now() - began) / 1000,
  asked: server.asked,
  events: server.events(),
}
process.stdout.write(JSON.stringify(ended), () => process.exit())
