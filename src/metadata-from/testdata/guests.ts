import { once } from 'node:events'
import { request, type IncomingMessage, type RequestOptions } from 'node:http'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { SECRET } from '../../../test/conformance/metadata-samples.ts'
import { reach, tell } from '../../../test/opennebula/asking.ts'
import { startOpenNebula, type OpenNebula, type OpenNebulaOptions } from '../../../test/opennebula/opennebula.ts'
import type { Freshness, GuestRecords } from '../guest-records.ts'
import { serveMetadataFrom } from '../index.ts'

const HASTE: Partial<Freshness> = { pollMs: 30, lookMs: 10, recordMs: 60, patienceMs: 5000, callMs: 5000 }

/** What guests ask for. */
export const DATA = '/latest/user-data'

/** Guests ask from addresses of loopback, which are all this machine's. */
export const RANGE = { first: '127.1.0.10', size: 20 } as const

/** A front end with networks that all have the same addresses. */
export async function withNetworks(t: TestContext, count: number, options?: OpenNebulaOptions): Promise<OpenNebula> {
  const one = await startOpenNebula(t, options)
  for (let at = 0; at < count; at++) one.addNetwork({ name: `net-${at}`, mode: '604', range: RANGE })
  return one
}

/** @returns the id of a VM that runs */
export async function run(
  one: OpenNebula,
  userData: string,
  nics: readonly string[] = ['NIC=[ NETWORK_ID="0" ]'],
): Promise<number> {
  const context = `CONTEXT=[ NETWORK="YES", USER_DATA="${userData}", PASSWORD="clear" ]`
  const id = Number(await tell(one, 'one.vm.allocate', `CPU=1\nMEMORY=64\n${nics.join('\n')}\n${context}`, false))
  await reach(one, id, 3, 3)
  return id
}

/** What is served in a test. */
interface ServingOptions {
  readonly frontEnds: readonly {
    readonly name: string
    readonly records: GuestRecords
    readonly networks: readonly string[]
    readonly trustedProxies?: readonly string[]
  }[]
  readonly freshness?: Partial<Freshness>
  readonly secret?: Uint8Array
  readonly log?: string[]
}

/** A metadata server that a test made. */
export interface Serving {
  /** @param listener which of all, in order @returns the body of a 200, else the status */
  readonly ask: (
    listener: number,
    from: string,
    path?: string,
    headers?: Record<string, string>,
    method?: string,
  ) => Promise<string>
  readonly ports: readonly number[]
  readonly log: readonly string[]
  readonly close: () => Promise<void>
}

/** Serves until the test ends. */
export async function serving(
  t: TestContext,
  { frontEnds, freshness, secret = SECRET, log = [] }: ServingOptions,
): Promise<Serving> {
  const served = await serveMetadataFrom({
    frontEnds: frontEnds.map(({ name, records, networks, trustedProxies }) => ({
      name,
      records,
      listeners: networks.map((network) => ({
        network,
        host: '127.0.0.1',
        port: 0,
        ...(trustedProxies ? { trustedProxies } : {}),
      })),
    })),
    secret,
    freshness: { ...HASTE, ...freshness },
    log: (line) => void log.push(line),
  })
  t.after(() => served.close())
  const ports = served.listeners.map(({ port }) => port)
  return {
    log,
    ports,
    close: () => served.close(),
    ask: (listener, from, path = DATA, headers = {}, method = 'GET') =>
      heard({ host: '127.0.0.1', port: ports[listener] ?? 0, localAddress: from, path, headers, method, agent: false }),
  }
}

/** The body of a 200, else the status. */
export async function heard(options: RequestOptions): Promise<string> {
  const asking = request(options).end()
  const [response] = (await once(asking, 'response')) as [IncomingMessage]
  const body = await text(response)
  return response.statusCode === 200 ? body : String(response.statusCode)
}

/** Asks until it hears this; the test's time is the limit. */
export async function untilHears(ask: () => Promise<string>, expected: string): Promise<void> {
  while ((await ask()) !== expected) await sleep(5)
}
