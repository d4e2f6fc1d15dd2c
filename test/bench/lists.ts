/**
 * Lists of 10,000 instances with four events each, measured beside reading the same from the store and writing it as JSON,
 * which any server would have to do.
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { HttpRequest, HttpResponse } from '../../src/frontends/http.ts'
import type { Caller, Instance } from '../../src/model/instance.ts'
import type { Service } from '../../src/service/service.ts'
import { sampleEvent, sampleInstance } from '../conformance/store-samples.ts'
import { openService } from '../e2e/service.ts'
import { medianOf } from './median.ts'

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
// Quick: to see that it runs; its figures say nothing.
const [COUNT, ROUNDS] = options.quick ? [200, 2] : [10_000, 11]
const EVENTS = ['planned', 'offered', 'fetched', 'applied'] as const
/** A list's time over that of the yardstick. */
const RATIO_BAR = 5
const CALLER: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const YARDSTICK = 'the store, and JSON.stringify'

/** One list. */
export interface ListRow {
  readonly name: string
  readonly path: string
  readonly query?: string
  readonly headers: HttpRequest['headers']
}

/** A front end over a service. */
export type Listing = (service: Service) => (request: HttpRequest, caller: Caller) => Promise<HttpResponse>

interface Row {
  readonly name: string
  /** @returns how many bytes that makes */
  readonly run: () => Promise<number>
  readonly tookMs: number[]
}

/**
 * Measures lists in turn and prints their medians. With `--check` the exit code is 1 when one takes more than its bar allows.
 *
 * @param toLabels the labels of an instance, by its number
 */
export async function measureLists(
  listing: Listing,
  lists: readonly ListRow[],
  toLabels: (count: number) => Readonly<Record<string, string>>,
): Promise<void> {
  const { service, store, close } = await openService()
  for (let count = 0; count < COUNT; count++) {
    const instance = toKept(count, toLabels(count))
    await store.insertInstance(
      instance,
      EVENTS.map((kind) => sampleEvent(instance.id, { kind })),
    )
  }
  const ask = listing(service)
  const yardstick: Row = {
    name: YARDSTICK,
    run: async () => {
      const instances = await store.listInstances({ project: CALLER.project })
      const events = await store.listProjectEvents(CALLER.project)
      return JSON.stringify(instances.map((each) => [each, events.get(each.id)])).length
    },
    tookMs: [],
  }
  const rows: readonly Row[] = [
    yardstick,
    ...lists.map((list) => ({ name: list.name, run: () => bytesOf(ask, list), tookMs: [] })),
  ]
  for (let round = -2; round < ROUNDS; round++)
    for (const { run, tookMs } of rows) {
      const start = performance.now()
      await run()
      if (round >= 0) tookMs.push(performance.now() - start)
    }
  await report(rows, yardstick)
  await close()
}

function toKept(count: number, labels: Readonly<Record<string, string>>): Instance {
  const spec = { name: `vm ${count}`, publicKeys: [], variables: {}, files: [], labels }
  const id = randomUUID()
  return { ...sampleInstance({ spec }), id, project: CALLER.project, state: 'active', remoteId: id }
}

async function bytesOf(ask: ReturnType<Listing>, { name, path, query, headers }: ListRow): Promise<number> {
  const request = { method: 'GET', path, query: new URLSearchParams(query), headers, body: new Uint8Array() }
  const { status, body } = await ask(request, CALLER)
  if (status !== 200) throw new Error(`${name}: ${status}`)
  return body.byteLength
}

async function report(rows: readonly Row[], yardstick: Row): Promise<void> {
  const yardstickMs = medianOf(yardstick.tookMs)
  const ratios: number[] = []
  console.log(`${COUNT} instances with ${EVENTS.length} events each; median of ${ROUNDS} rounds\n`)
  console.log(`${'what'.padEnd(42)}${'ms'.padStart(9)}${'KiB'.padStart(9)}`)
  for (const { name, run, tookMs } of rows) {
    const medianMs = medianOf(tookMs)
    const ratio = medianMs / yardstickMs
    if (name !== yardstick.name) ratios.push(ratio)
    const size = ((await run()) / 1024).toFixed(0)
    const shown = name === yardstick.name ? '' : `   ${ratio.toFixed(2)}x`
    console.log(`${name.padEnd(42)}${medianMs.toFixed(1).padStart(9)}${size.padStart(9)}${shown}`)
  }
  const most = Math.max(...ratios)
  const fits = most <= RATIO_BAR
  console.log(`\nat most ${RATIO_BAR}x the yardstick: ${fits ? 'yes' : 'NO'} (${most.toFixed(1)}x)`)
  if (options.check && !fits) process.exitCode = 1
}
