import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { createMetadataServer } from '../../src/deliveries/metadata-http.ts'
import { deliveryOf } from '../../src/model/events.ts'
import { contextSource } from '../../src/service/context.ts'
import { createRecorder } from '../../src/service/recorder.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { ask, bootAll, bootingInstance, BOOT_PATHS, RECORDED_PATHS } from '../bench/boots.ts'
import { addressOf } from '../bench/metadata-keys.ts'

const GUESTS = 300
const CONNECTIONS = 32

/** A metadata server over a real store, with so many guests, and how it is stopped. */
async function listening(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-storm-'))
  const path = join(folder, 'bellhop.db')
  const store = await sqliteStore(path)
  const guests = Array.from({ length: GUESTS }, () => bootingInstance(256))
  await Promise.all(guests.map((guest) => store.insertInstance(guest, [])))
  const ids = new Map(guests.map(({ id }, number) => [addressOf(number), id]))
  const recorder = createRecorder({
    store,
    log: { warn: (fields, message) => assert.fail(`${message} ${JSON.stringify(fields)}`) },
  })
  const server = createMetadataServer({
    source: contextSource(store),
    recorder,
    secret: randomBytes(32),
    log: (line) => assert.fail(line),
  })
  const identity = {
    by: 'address',
    trustedProxies: ['127.0.0.1'],
    find: (address: string) => ids.get(address),
  } as const
  const { port } = await server.listen({ host: '127.0.0.1', port: 0, identity })
  const close = async (): Promise<void> => {
    await server.close()
    await recorder.close()
    await store.close()
  }
  let closed: Promise<void> | undefined
  const stop = (): Promise<void> => (closed ??= close())
  t.after(async () => {
    await stop()
    await rm(folder, { recursive: true })
  })
  return { path, port, guests, addresses: [...ids.keys()], stop }
}

it(`${GUESTS} guests that boot at once are each seen to fetch once, and nothing of it is lost when the server stops right after`, async (t) => {
  const { path, port, guests, addresses, stop } = await listening(t)
  assert.equal(BOOT_PATHS.length, 22)
  await bootAll({ port, addresses, atOnce: GUESTS, connections: CONNECTIONS })
  // Again, as some data sources do.
  await bootAll({ port, addresses: addresses.slice(0, 50), atOnce: 50, connections: CONNECTIONS })
  await stop()

  const store = await sqliteStore(path)
  t.after(() => store.close())
  for (const { id, revision } of guests) {
    const events = await store.listEvents(id)
    const said = events.map(({ kind, path }) => `${kind} ${path}`)
    const expected = RECORDED_PATHS.map((path) => {
      const canonical = path.replace('2018-08-27', 'latest')
      return `${canonical.endsWith('user_data') ? 'fetched' : 'access'} ${canonical}`
    })
    assert.deepEqual(
      said.map((line) => line.replace(/openstack\/[\d-]+\//, 'openstack/latest/')),
      expected,
      'each once, in order',
    )
    assert.equal(deliveryOf(events, revision).state, 'fetched')
  }
})

it('a guest that floods its server with reports fills no store, keeps no other from being seen, and is heard when it says the truth', async (t) => {
  const { path, port, guests, addresses, stop } = await listening(t)
  const [flooding = '', ...others] = addresses
  const post = (body: string): string =>
    `POST /report HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${flooding}\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const failing = {
    name: 'modules-config/config-x',
    description: 'x',
    event_type: 'finish',
    origin: 'cloudinit',
    result: 'FAIL',
  }
  const bodies = [
    JSON.stringify(failing),
    '{"agent":"agent","stage":"fetched"}',
    '{"agent":"agent","stage":"finished","detail":"\\u001b[31m"}',
    '['.repeat(16_000),
    'hostname=x',
    '{"agent":"agent","stage":"applied"}',
  ]
  const flood = new AbortController()
  const statuses = new Map<string, number>()
  const flooders = Array.from({ length: 8 }, async () => {
    for (let i = 0; !flood.signal.aborted; i++) {
      const status = (await ask(port, post(bodies[i % bodies.length] ?? ''))).slice(9, 12)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
  })
  await bootAll({ port, addresses: others, atOnce: GUESTS, connections: 8 }).finally(() => flood.abort())
  await Promise.all(flooders)
  t.diagnostic(JSON.stringify(Object.fromEntries(statuses)))
  assert.ok((statuses.get('429') ?? 0) > 0, 'it was told that it is too much')
  assert.match(await ask(port, post('{"agent":"agent","stage":"applied","exitCode":0}')), /^HTTP\/1\.1 200 /)
  await stop()

  const store = await sqliteStore(path)
  t.after(() => store.close())
  const [flooder, ...rest] = guests
  assert.ok(flooder)
  const events = await store.listEvents(flooder.id)
  assert.ok(events.length <= 5 * 50, `${events.length} events`)
  assert.equal(deliveryOf(events, flooder.revision).state, 'applied')
  for (const { id } of rest)
    assert.equal((await store.listEvents(id)).filter(({ kind }) => kind === 'fetched').length, 1)
})
