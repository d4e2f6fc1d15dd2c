/**
 * What a list of 10,000 computes costs, whole and by pages, in text and in JSON, beside reading the same instances from the
 * store and writing them as JSON, which any server would have to do.
 *
 *     node test/bench/occi-list.ts [--check] [--quick]
 *
 * Shown are medians. With `--check` the exit code is 1 when a whole list takes more than its bar allows.
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import { occiFrontend } from '../../src/frontends/occi/index.ts'
import type { Caller, Instance } from '../../src/model/instance.ts'
import { sampleEvent, sampleInstance } from '../conformance/store-samples.ts'
import { openService } from '../e2e/service.ts'

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
// Quick: to see that it runs; its figures say nothing.
const [COUNT, ROUNDS] = options.quick ? [200, 2] : [10_000, 11]
const EVENTS_EACH = 4
/** A list's time over that of the yardstick. */
const RATIO_BAR = 5
const CALLER: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }

const { service, store, close } = await openService()
for (let count = 0; count < COUNT; count++) {
  const instance = toKept(count)
  const events = (['planned', 'offered', 'fetched', 'applied'] as const).map((kind) =>
    sampleEvent(instance.id, { kind }),
  )
  await store.insertInstance(instance, events)
}
const occi = occiFrontend({ service, publicUrl: 'http://cloud.example.org:8787', version: '1.0' })

interface Row {
  readonly name: string
  readonly run: () => Promise<number>
  readonly tookMs: number[]
}

const YARDSTICK = 'the store, and JSON.stringify'
const rows: readonly Row[] = [
  row(YARDSTICK, async () => {
    const instances = await store.listInstances({ project: CALLER.project })
    const events = await store.listProjectEvents(CALLER.project)
    return JSON.stringify(instances.map((each) => [each, events.get(each.id)])).length
  }),
  row('text/plain', () => get('text/plain')),
  row('text/uri-list', () => get('text/uri-list')),
  row('text/plain, by an attribute', () => get('text/plain', '', [['X-OCCI-Attribute', 'occi.core.title="vm 7"']])),
  row('application/occi+json', () => get('application/occi+json')),
  row('application/occi+json, page of 100', () => get('application/occi+json', 'page=3&number=100')),
]
for (let round = -2; round < ROUNDS; round++)
  for (const { run, tookMs } of rows) {
    const start = performance.now()
    await run()
    if (round >= 0) tookMs.push(performance.now() - start)
  }
await report()
await close()

function toKept(count: number): Instance {
  const spec = { name: `vm ${count}`, publicKeys: [], variables: {}, files: [], labels: { 'occi.mixins': '' } }
  const id = randomUUID()
  return { ...sampleInstance({ spec }), id, project: CALLER.project, state: 'active', remoteId: id }
}

function row(name: string, run: () => Promise<number>): Row {
  return { name, run, tookMs: [] }
}

async function get(accept: string, query = '', headers: readonly (readonly [string, string])[] = []): Promise<number> {
  const { status, body } = await occi(
    {
      method: 'GET',
      path: '/compute/',
      query: new URLSearchParams(query),
      headers: [['Accept', accept], ...headers],
      body: new Uint8Array(),
    },
    CALLER,
  )
  if (status !== 200) throw new Error(`${accept}: ${status}`)
  return body.byteLength
}

async function report(): Promise<void> {
  const medianOf = ({ tookMs }: Row): number => tookMs.toSorted((a, b) => a - b)[tookMs.length >> 1] ?? Number.NaN
  const [yardstick, ...lists] = rows
  const yardstickMs = yardstick ? medianOf(yardstick) : Number.NaN
  console.log(`${COUNT} computes with ${EVENTS_EACH} events each; median of ${ROUNDS} rounds\n`)
  console.log(`${'what'.padEnd(38)}${'ms'.padStart(9)}${'KiB'.padStart(9)}`)
  for (const each of rows) {
    const ratio = each === yardstick ? '' : `   ${(medianOf(each) / yardstickMs).toFixed(2)}x`
    const size = ((await each.run()) / 1024).toFixed(0)
    console.log(`${each.name.padEnd(38)}${medianOf(each).toFixed(1).padStart(9)}${size.padStart(9)}${ratio}`)
  }
  const most = Math.max(...lists.map((list) => medianOf(list) / yardstickMs))
  const fits = most <= RATIO_BAR
  console.log(`\nat most ${RATIO_BAR}x the yardstick: ${fits ? 'yes' : 'NO'} (${most.toFixed(1)}x)`)
  if (options.check && !fits) process.exitCode = 1
}
