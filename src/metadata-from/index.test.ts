import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { reach, tell } from '../../test/opennebula/asking.ts'
import { startOpenNebula, type OpenNebula } from '../../test/opennebula/opennebula.ts'
import { openNebulaApi } from '../providers/opennebula/api.ts'
import { createHttpClient } from '../wire/http.ts'
import type { Freshness } from './guest-records.ts'
import { openNebulaRecords, type OpenNebulaRecordsOptions } from './opennebula.ts'
import { DATA, heard, RANGE, run, serving, untilHears, withNetworks, type Serving } from './testdata/guests.ts'

/** What a guest hears: the body where there is one. */
interface Asked extends Pick<Serving, 'ports' | 'log'> {
  readonly ask: (network: number, from: string, path?: string, headers?: Record<string, string>) => Promise<string>
}

async function serve(
  t: TestContext,
  one: OpenNebula,
  networks: readonly number[],
  {
    freshness = {},
    session = one.session,
    trustedProxies,
    ...records
  }: {
    readonly freshness?: Partial<Freshness>
    readonly session?: string
    readonly trustedProxies?: readonly string[]
  } & Partial<Pick<OpenNebulaRecordsOptions, 'addressesFrom'>> = {},
): Promise<Asked> {
  const log: string[] = []
  const http = createHttpClient({ maxTries: 1 })
  t.after(() => http.close())
  const api = openNebulaApi({ url: one.url, session, http, name: 'one' })
  const { ask, ports } = await serving(t, {
    frontEnds: [
      {
        name: 'one',
        records: openNebulaRecords({ api, zone: 'one', log: (line) => void log.push(line), ...records }),
        networks: networks.map(String),
        ...(trustedProxies ? { trustedProxies } : {}),
      },
    ],
    freshness,
    log,
  })
  return { log, ports, ask: (network, ...asked) => ask(networks.indexOf(network), ...asked) }
}

const countOf = (one: OpenNebula, method: string) => one.calls.filter((call) => call.method === method).length

describe('guests of an OpenNebula', () => {
  it('hear what their own record says', async (t) => {
    const one = await withNetworks(t, 1)
    const id = await run(one, 'first')
    await run(one, 'second')
    const { ask } = await serve(t, one, [0])
    assert.equal(await ask(0, '127.1.0.10'), 'first')
    assert.equal(await ask(0, '127.1.0.11'), 'second')
    assert.equal(await ask(0, '127.1.0.10', '/latest/meta-data/local-ipv4'), '127.1.0.10')
    assert.equal(await ask(0, '127.1.0.10', '/latest/meta-data/instance-id'), `i-0000000${id}`)
    const metadata = JSON.parse(await ask(0, '127.1.0.11', '/openstack/latest/meta_data.json')) as { uuid: string }
    assert.equal(metadata.uuid, /<UUID><!\[CDATA\[([^\]]+)/.exec(await tell(one, 'one.vm.info', 1))?.[1])
    assert.equal(await ask(0, '127.1.0.12'), '404')
    assert.equal(await ask(0, '127.1.0.10', '/latest/meta-data/no-such'), '404')
  })

  it('of two networks with the same addresses are told apart', async (t) => {
    const one = await withNetworks(t, 2)
    await run(one, 'on 0')
    await run(one, 'on 1', ['NIC=[ NETWORK_ID="1" ]'])
    const { ask } = await serve(t, one, [0, 1])
    assert.equal(await ask(0, '127.1.0.10'), 'on 0')
    assert.equal(await ask(1, '127.1.0.10'), 'on 1')
  })

  it('are known by each of their cards, and by aliases', async (t) => {
    const one = await withNetworks(t, 3)
    const card = (network: number) => `NIC=[ NAME="c${network}", NETWORK_ID="${network}" ]`
    await run(one, 'other')
    await run(one, 'mine', [card(0), card(1), card(2), 'NIC_ALIAS=[ PARENT="c1", NETWORK_ID="0", IP="127.1.0.20" ]'])
    for (const addressesFrom of ['leases', 'vms'] as const) {
      const { ask } = await serve(t, one, [0, 1, 2], { addressesFrom })
      const seats = [
        [0, '127.1.0.11'],
        [1, '127.1.0.10'],
        [2, '127.1.0.10'],
        [0, '127.1.0.20'],
      ] as const
      for (const [network, address] of seats) {
        assert.equal(await ask(network, address), 'mine')
        assert.equal(await ask(network, address, '/latest/meta-data/local-ipv4'), address)
      }
    }
  })

  it('may start after the server', async (t) => {
    const one = await withNetworks(t, 1)
    // It polls no more after the start: only who asks makes it look.
    const { ask } = await serve(t, one, [0], { freshness: { pollMs: 3_600_000 } })
    assert.equal(await ask(0, '127.1.0.10'), '404')
    await run(one, 'new')
    assert.equal(await ask(0, '127.1.0.10'), 'new')
  })

  it('hear of a change of their CONTEXT in time, on a connection that stays, too', async (t) => {
    const one = await withNetworks(t, 1)
    const id = await run(one, 'before')
    const { ask, ports } = await serve(t, one, [0])
    const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: '127.1.0.10' })
    t.after(() => agent.destroy())
    const again = () => heard({ host: '127.0.0.1', port: ports[0] ?? 0, path: DATA, agent })
    assert.equal(await again(), 'before')
    await tell(one, 'one.vm.updateconf', id, 'CONTEXT=[ USER_DATA="after" ]', 1)
    await untilHears(again, 'after')
    assert.equal(await ask(0, '127.1.0.10'), 'after')
  })

  it('hear nothing of the guest that had their address before', async (t) => {
    const one = await withNetworks(t, 1)
    const first = await run(one, 'first')
    const { ask, ports } = await serve(t, one, [0])
    const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: '127.1.0.10' })
    t.after(() => agent.destroy())
    const again = () => heard({ host: '127.0.0.1', port: ports[0] ?? 0, path: DATA, agent })
    assert.equal(await again(), 'first')
    await tell(one, 'one.vm.action', 'terminate-hard', first)
    await reach(one, first, 6)
    await run(one, 'second')
    await untilHears(() => ask(0, '127.1.0.10'), 'second')
    // From then on, whatever is asked: the connection of old is nobody's.
    for (let count = 0; count < 20; count++) {
      assert.equal(await ask(0, '127.1.0.10'), 'second')
      assert.equal(await again(), '404')
      await sleep(5)
    }
  })

  it('are answered only while they run', async (t) => {
    const one = await withNetworks(t, 1)
    const id = await run(one, 'mine')
    const { ask } = await serve(t, one, [0])
    assert.equal(await ask(0, '127.1.0.10'), 'mine')
    await tell(one, 'one.vm.action', 'poweroff', id)
    await reach(one, id, 8)
    await untilHears(() => ask(0, '127.1.0.10'), '404')
    await tell(one, 'one.vm.action', 'resume', id)
    await untilHears(() => ask(0, '127.1.0.10'), 'mine')
  })

  it('cannot claim another’s address', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'first')
    await run(one, 'second')
    const forged = { 'X-Forwarded-For': '127.1.0.10', 'X-Real-IP': '127.1.0.10', Forwarded: 'for=127.1.0.10' }
    const { ask } = await serve(t, one, [0], { trustedProxies: ['127.1.0.99'] })
    assert.equal(await ask(0, '127.1.0.11', DATA, forged), 'second')
    assert.equal(await ask(0, '127.1.0.30', DATA, forged), '404')
    assert.equal(await ask(0, '127.1.0.99', DATA, { 'X-Forwarded-For': '127.1.0.10' }), 'first')
  })
})

describe('a front end that is away', () => {
  it('is not missed by guests that asked before, and others are told to come again', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'first')
    await run(one, 'second')
    const { ask, log } = await serve(t, one, [0])
    assert.equal(await ask(0, '127.1.0.10'), 'first')
    one.setFaults([{ happens: 'drop-before' }])
    for (let count = 0; count < 20; count++) {
      assert.equal(await ask(0, '127.1.0.10'), 'first')
      await sleep(10)
    }
    assert.equal(await ask(0, '127.1.0.11'), '503')
    assert.equal(await ask(0, '127.1.0.12'), '503')
    assert.ok(log.some((line) => /network 0: the front end does not say/.test(line)))
    one.setFaults([])
    await untilHears(() => ask(0, '127.1.0.11'), 'second')
    await untilHears(() => ask(0, '127.1.0.12'), '404')
  })

  it('for too long leaves nothing that may be told', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'first')
    const { ask } = await serve(t, one, [0], { freshness: { keepMs: 100 } })
    assert.equal(await ask(0, '127.1.0.10'), 'first')
    one.setFaults([{ happens: '503' }])
    await untilHears(() => ask(0, '127.1.0.10'), '503')
  })

  it('for the network alone leaves nothing either, for an address may be another’s by then', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'first')
    const { ask } = await serve(t, one, [0], { freshness: { keepMs: 100 } })
    assert.equal(await ask(0, '127.1.0.10'), 'first')
    one.setFaults([{ method: 'one.vn.info', happens: '503' }])
    await untilHears(() => ask(0, '127.1.0.10'), '503')
  })

  it('does not make nobody of a guest that did not run before', async (t) => {
    const one = await withNetworks(t, 1)
    const id = await run(one, 'first')
    await tell(one, 'one.vm.action', 'poweroff', id)
    await reach(one, id, 8)
    const { ask } = await serve(t, one, [0])
    assert.equal(await ask(0, '127.1.0.10'), '404')
    one.setFaults([{ happens: 'drop-before' }])
    await untilHears(() => ask(0, '127.1.0.10'), '503')
  })

  it('for one guest alone hurts no other', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'good')
    // OpenNebula stores it, and cannot tell of this VM ever after.
    const template =
      '<T><CPU>1</CPU><MEMORY>64</MEMORY><NIC><NETWORK_ID>0</NETWORK_ID></NIC><CONTEXT><A>&#128512;</A></CONTEXT></T>'
    await reach(one, Number(await tell(one, 'one.vm.allocate', template, false)), 3, 3)
    for (const addressesFrom of ['leases', 'vms'] as const) {
      const { ask, log } = await serve(t, one, [0], { addressesFrom })
      assert.equal(await ask(0, '127.1.0.11'), '503')
      assert.equal(await ask(0, '127.1.0.10'), 'good')
      assert.ok(log.some((line) => /guest 1: its record cannot be read/.test(line)))
    }
  })
})

describe('an account that manages no network', () => {
  it('is told so; addresses can be read from VMs', async (t) => {
    const one = await withNetworks(t, 1)
    one.addUser({ name: 'reader', password: 'w' })
    await run(one, 'mine')
    const { ask, log } = await serve(t, one, [0], { session: 'reader:w' })
    assert.equal(await ask(0, '127.1.0.10'), '404')
    assert.ok(log.some((line) => /network 0 shows no leases.*MANAGE/.test(line)))
    const fromVms = await serve(t, one, [0], { addressesFrom: 'vms' })
    assert.equal(await fromVms.ask(0, '127.1.0.10'), 'mine')
  })
})

describe('what the front end is asked', () => {
  it('does not grow with what guests ask', async (t) => {
    const one = await withNetworks(t, 1)
    await run(one, 'mine')
    const { ask } = await serve(t, one, [0], { freshness: { pollMs: 3_600_000, recordMs: 3_600_000, lookMs: 1000 } })
    await Promise.all(Array.from({ length: 20 }, () => ask(0, '127.1.0.10')))
    for (let count = 0; count < 50; count++) await ask(0, '127.1.0.10', '/latest/meta-data/hostname')
    assert.equal(countOf(one, 'one.vm.info'), 1)
    assert.equal(countOf(one, 'one.vn.info'), 1)
    // Whoever is not known shares one look with all others who are not.
    await Promise.all(Array.from({ length: 20 }, (_, at) => ask(0, `127.1.1.${at + 1}`)))
    assert.ok(countOf(one, 'one.vn.info') <= 3)
  })

  it('is one look at the network for all its guests', async (t) => {
    const one = await startOpenNebula(t, { delays: { pendingMs: Infinity } })
    one.addNetwork({ name: 'many', range: { first: '127.1.0.10', size: 4000 } })
    const [count, vms] = [300, [] as number[]]
    for (let at = 0; at < count; at++) {
      const context = `CONTEXT=[ USER_DATA="guest ${at}" ]`
      vms.push(
        Number(await tell(one, 'one.vm.allocate', `CPU=1\nMEMORY=64\nNIC=[ NETWORK_ID="0" ]\n${context}`, false)),
      )
    }
    for (const id of vms) one.setVmState(id, 3, 3)
    const { ask } = await serve(t, one, [0], { freshness: { pollMs: 3_600_000, recordMs: 3_600_000 } })
    const address = (at: number) => `127.1.${(at + 10) >> 8}.${(at + 10) & 255}`
    for (let at = 0; at < count; at++) assert.equal(await ask(0, address(at)), `guest ${at}`)
    assert.equal(countOf(one, 'one.vn.info'), 1)
    assert.equal(countOf(one, 'one.vm.info'), count)
  })
})

describe('an OpenNebula as old as StratusLab’s', () => {
  it('has guests that are answered, too', async (t) => {
    const one = await startOpenNebula(t, { version: '3.2' })
    one.addNetwork({ name: 'public', range: RANGE })
    const context = `CONTEXT=[ EC2_USER_DATA="aGVsbG8=", PUBLIC_KEY="ssh-ed25519 AAAAC3Nza jane" ]`
    const template = `CPU=1\nMEMORY=64\nNIC=[ NETWORK_ID="0" ]\n${context}`
    await reach(one, Number(await tell(one, 'one.vm.allocate', template)), 3, 3)
    const { ask } = await serve(t, one, [0], { addressesFrom: 'vms' })
    assert.equal(await ask(0, '127.1.0.10'), 'hello')
    assert.equal(await ask(0, '127.1.0.10', '/latest/meta-data/public-keys/'), '0=key-0')
  })
})
