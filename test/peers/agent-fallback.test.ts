import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sha256 } from '../../src/model/digest.ts'
import { deliveryOf, type ContextEvent, type Delivery } from '../../src/model/events.ts'
import type { Caller, Instance, InstanceSpec } from '../../src/model/instance.ts'
import { openQemuService, type Mishap } from './agent/qemu-service.ts'
import { needQemu, PATIENCE_MS } from './demo-guest.ts'
import { needImages } from './injection-images.ts'
import { need } from './need.ts'

const WAYS = ['metadata', 'disk', 'injection'] as const
const CALLER: Caller = { subject: 'local/jane', project: 'local/test', role: 'member' }
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane'
/** It shows on the console what else came by the same way. */
const USER_DATA = Buffer.from(`#!/bin/sh
. "$BELLHOP_VARIABLES"
{ echo "the role is $role on $(hostname)"; cat /root/.ssh/authorized_keys; } >/dev/console
`)
const SPEC: InstanceSpec = {
  hostname: 'web-1',
  userData: USER_DATA,
  publicKeys: [{ name: 'jane', text: KEY }],
  variables: { role: 'web' },
  files: [],
  labels: {},
}

const refuses: Mishap = async (offer, folder) =>
  offer.method === 'metadata' ? [{ ...offer, socketPath: join(folder, 'nobody') }] : [offer]

const neverAnswers: Mishap = async (offer, folder, t) => {
  if (offer.method !== 'metadata') return [offer]
  const socketPath = join(folder, 'mute')
  const server = createServer((socket) => socket.on('error', () => {}).resume())
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  t.after(() => void server.close())
  return [{ ...offer, socketPath }]
}

/** The volume's label and its first folders are still there. */
const diskIsCutOff: Mishap = async (offer) =>
  offer.method === 'disk' ? [{ ...offer, image: offer.image.subarray(0, 22 * 2048) }] : [offer]

const diskIsLost: Mishap = async (offer) => (offer.method === 'disk' ? [] : [offer])

// Much of it is waiting, even where machines are emulated.
describe('the agent, in a machine that has its system on a disk', { concurrency: 2 }, () => {
  for (const by of WAYS)
    it(`applies what comes by ${by} alone, and the record says so`, async (t) => {
      if (!needQemu(t) || !needImages(t)) return
      const seen = await boot(t, { ...SPEC, by }, [], ({ state }) => state === 'applied')
      assertApplied(seen, by)
      assert.deepEqual(seen.planned, [by])
    })

  for (const [what, mishaps, served] of [
    ['the disk, where the metadata server refuses', [refuses], 'disk'],
    ['the disk, where the metadata server never answers', [neverAnswers], 'disk'],
    ['what was injected, where the server refuses and the disk is cut off', [refuses, diskIsCutOff], 'injection'],
    ['what was injected, where the server never answers and the disk is lost', [neverAnswers, diskIsLost], 'injection'],
  ] as const)
    it(`takes ${what}; the record says which way served and which showed no sign`, async (t) => {
      if (!needQemu(t) || !needImages(t)) return
      const others = WAYS.filter((way) => way !== served)
      const seen = await boot(
        t,
        SPEC,
        mishaps,
        ({ state, silent }) => state === 'applied' && silent.length === others.length,
      )
      assertApplied(seen, served)
      assert.deepEqual(seen.planned, WAYS)
      assert.deepEqual(seen.delivery.silent, others)
    })

  it('does not run a second time a script that resets the machine, at once and with nothing written out', async (t) => {
    if (!needQemu(t) || !needImages(t)) return
    const userData = Buffer.from('#!/bin/sh\necho "it runs" >/dev/console\necho b >/proc/sysrq-trigger\n')
    const seen = await boot(t, { ...SPEC, by: 'metadata', userData }, [], ({ finishedUnproven }) => finishedUnproven)
    assert.equal(seen.console.match(/^it runs\r?$/gm)?.length, 1, seen.console)
    assert.match(seen.console, /was cut short; nothing is applied again/)
    assert.equal(seen.delivery.state, 'fetched')
  })

  it('is brought up by scripts that shellcheck finds no fault with', (t) => {
    if (!need(t, 'shellcheck', 'shellcheck')) return
    const folder = fileURLToPath(new URL('./agent/', import.meta.url))
    const scripts = ['hand-over.sh', 'disk-init.sh'].map((name) => join(folder, name))
    assert.equal(execFileSync('shellcheck', ['-s', 'sh', ...scripts], { encoding: 'utf8' }), '')
  })
})

/** What there is to know of a machine. */
interface Seen {
  readonly instance: Instance
  readonly planned: readonly string[]
  readonly events: readonly ContextEvent[]
  readonly delivery: Delivery
  readonly console: string
}

/** Boots a machine and follows it, until its delivery is as it is waited for or the patience is at its end. */
async function boot(
  t: TestContext,
  spec: InstanceSpec,
  mishaps: readonly Mishap[],
  isDone: (delivery: Delivery) => boolean,
): Promise<Seen> {
  const service = await openQemuService(t, mishaps)
  const instance = await service.create({ spec }, CALLER)
  try {
    for (const until = Date.now() + PATIENCE_MS; ; await sleep(200)) {
      const events = await service.events(instance.id, CALLER)
      const delivery = deliveryOf(events, instance.revision)
      if (!isDone(delivery) && Date.now() < until) continue
      const planned = instance.plan.deliveries.map(({ method }) => method)
      const { text } = await service.console(instance.id, 0, CALLER)
      return { instance, planned, events, delivery, console: text }
    }
  } finally {
    await service.delete(instance.id, CALLER)
  }
}

/** That the agent says that all was done by one way, with the very bytes, and that the rest came by it as well. */
function assertApplied({ instance, delivery, events, console }: Seen, by: (typeof WAYS)[number]): void {
  const digest = sha256(USER_DATA)
  assert.equal(instance.userDataSha256, digest)
  assert.deepEqual([delivery.state, delivery.servedBy], ['applied', by], console)
  for (const kind of ['fetched', 'applied'] as const) {
    const said = events.find((event) => event.kind === kind && event.source === 'agent')
    const exitCode = kind === 'applied' ? 0 : undefined
    assert.deepEqual([said?.method, said?.sha256, said?.exitCode], [by, digest, exitCode], console)
  }
  assert.match(console, /^the role is web on web-1\r?$/m)
  assert.match(console, new RegExp(`^${KEY}\r?$`, 'm'))
}
