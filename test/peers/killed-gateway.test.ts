import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { creation, QEMU_CONFIG, startGateway, type Gateway } from '../e2e/gateway.ts'
import { needQemu, processesWith, untilTrue } from './demo-guest.ts'
import { assertNothingLeft, consoleOf, startQemuGateway } from './qemu-gateway.ts'

const KILLS = 6
/** A create takes QEMU some 200 ms: kills fall before, into and after it. */
const KILL_WITHIN_MS = 400

interface Seen {
  readonly id: string
  readonly state: string
  readonly remoteId?: string
  readonly delivery?: { readonly state?: string }
}

describe('a gateway that is killed', () => {
  it(`at ${KILLS} random points of a create loses no acknowledged machine and starts none twice`, async (t) => {
    if (!needQemu(t)) return
    let gateway = await startQemuGateway(t)
    const acknowledged: string[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const made = gateway
        .ask('/compute/', creation('#!/bin/sh\n'))
        .then((response) => acknowledged.push(response.headers.get('location')?.split('/').at(-1) ?? ''))
        .catch(() => 'killed before it answered')
      await sleep(Math.random() * KILL_WITHIN_MS)
      await gateway.stop('SIGKILL')
      await made
      gateway = await startGateway(t, { config: QEMU_CONFIG, folder: gateway.folder })
    }
    const settled = await untilSettled(gateway)
    for (const id of acknowledged)
      assert.ok(
        settled.some((each) => each.id === id),
        `${id} was acknowledged`,
      )
    for (const { id, state } of settled) {
      assert.equal(state, 'active')
      // QEMU's own parent lives until the machine is up, and a moment longer; a second machine would stay.
      await untilTrue(async () => (await machinesOf(id)).length === 1, `there is one machine for ${id}`)
    }
    t.diagnostic(`${acknowledged.length} of ${KILLS} acknowledged, ${settled.length} machines`)
    assert.equal((await gateway.ask('/compute/', { method: 'DELETE' })).status, 200)
    await assertNothingLeft(
      gateway,
      settled.map(({ id }) => id),
    )
  })

  it('while its guest boots serves the guest all the same, once it is there again', async (t) => {
    if (!needQemu(t)) return
    const word = randomBytes(8).toString('hex')
    const first = await startQemuGateway(t)
    const made = await first.ask('/compute/', creation(`#!/bin/sh\necho ${word}\n`))
    assert.equal(made.status, 201)
    const id = made.headers.get('location')?.split('/').at(-1) ?? ''
    await first.stop('SIGKILL')
    const second = await startGateway(t, { config: QEMU_CONFIG, folder: first.folder })
    await untilTrue(async () => (await look(second, id)).delivery?.state === 'applied', 'the data is applied')
    const text = await consoleOf(second, id)
    assert.match(text, new RegExp(`user-data: ${word}`))
    assert.equal((await second.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
    assert.deepEqual(await processesWith(id), [])
  })
})

async function untilSettled(gateway: Gateway): Promise<readonly Seen[]> {
  let all: readonly Seen[] = []
  await untilTrue(async () => {
    all = ((await (await gateway.ask('/api/v1/instances')).json()) as { instances: Seen[] }).instances
    return all.every(({ remoteId }) => remoteId !== undefined)
  }, 'every instance is settled')
  return await Promise.all(all.map(({ id }) => look(gateway, id)))
}

async function look(gateway: Gateway, id: string): Promise<Seen> {
  return (await (await gateway.ask(`/api/v1/instances/${id}`)).json()) as Seen
}

async function machinesOf(id: string): Promise<readonly string[]> {
  return (await processesWith(`bellhop-${id}`)).filter((line) => line.startsWith('qemu-system'))
}
