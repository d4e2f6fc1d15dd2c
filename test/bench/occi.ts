/**
 * What reading and writing OCCI costs, in each rendering, beside the engine's own JSON for the same content.
 *
 *     node test/bench/occi.ts [--check] [--quick]
 *
 * Each round measures every row once, so that all see the same machine; shown are medians. With `--check` the exit code is 1
 * when a codec takes more than its bar allows.
 */
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { occiJson } from '../../src/frontends/occi/json.ts'
import type { Codec, Representation, Value } from '../../src/frontends/occi/representation.ts'
import { textOcci, textPlain } from '../../src/frontends/occi/text.ts'
import { decodeBase64 } from '../../src/wire/base64.ts'
import { medianOf } from './median.ts'

const USER_DATA_BYTES = 64 * 1024
const TIMES = 50
/** A codec's time over that of the engine's JSON. */
const RATIO_BAR = 20
const INFRASTRUCTURE = 'http://schemas.ogf.org/occi/infrastructure#'
const INSTANCE = 'http://schemas.openstack.org/compute/instance#'
const YARDSTICKS = { parse: 'JSON.parse', render: 'JSON.stringify', decode: 'base64, decoded by Buffer' } as const

interface Row {
  readonly name: string
  /** The row that the ratio is to. */
  readonly beside?: string
  /** How often `run` is called in a round. */
  readonly times: number
  readonly run: () => unknown
  readonly tookMs: number[]
}

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
// Quick: to see that it runs; its figures say nothing.
const [ROUNDS, WARM_UP_ROUNDS] = options.quick ? [3, 1] : [41, 20]

const userData = randomBytes(USER_DATA_BYTES).toString('base64')
const rows = rowsOf(computeWith(userData))
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++)
  for (const row of rows) {
    const tookMs = measureMs(row)
    if (round >= 0) row.tookMs.push(tookMs)
  }
report(rows)

function computeWith(userData: string): Representation {
  return {
    categories: [
      { term: 'compute', scheme: INFRASTRUCTURE, class: 'kind' },
      { term: 'debian12', scheme: 'http://cloud.example.org/occi/os_tpl#', class: 'mixin' },
      { term: 'small', scheme: 'http://cloud.example.org/occi/resource_tpl#', class: 'mixin' },
      { term: 'user_data', scheme: INSTANCE, class: 'mixin' },
    ],
    links: [
      {
        target: '/network/public',
        rel: `${INFRASTRUCTURE}network`,
        categories: [`${INFRASTRUCTURE}networkinterface`],
        attributes: new Map([['occi.networkinterface.interface', 'eth0']]),
      },
    ],
    attributes: new Map<string, Value>([
      ['occi.core.id', '6627734f-7a9f-451c-b7dd-dc3f6304ca6f'],
      ['occi.core.title', 'my vm'],
      ['occi.compute.cores', 2],
      ['occi.compute.memory', 2],
      ['org.openstack.compute.user_data', userData],
    ]),
    locations: [],
  }
}

function rowsOf(entity: Representation): readonly Row[] {
  const json = occiJson('application/occi+json')
  const body = Buffer.from(json.render({ shows: 'entity', entity }).body)
  const attributes = Object.fromEntries(entity.attributes)
  const row = (name: string, run: () => unknown, beside?: string): Row => ({
    name,
    ...(beside === undefined ? {} : { beside }),
    times: TIMES,
    run,
    tookMs: [],
  })
  return [
    row(YARDSTICKS.decode, () => Buffer.from(userData, 'base64')),
    row('base64, decoded strictly', () => decodeBase64(userData, 'user data'), YARDSTICKS.decode),
    row(YARDSTICKS.parse, () => JSON.parse(body.toString('utf8'))),
    row(YARDSTICKS.render, () => JSON.stringify(attributes)),
    ...[textPlain('text/plain'), textOcci, json].flatMap((codec) => {
      const request = requestOf(codec, entity)
      const [name] = codec.contentType.split(';')
      return [
        row(`${name}, parse`, () => codec.parse(request), YARDSTICKS.parse),
        row(`${name}, render`, () => codec.render({ shows: 'entity', entity }), YARDSTICKS.render),
      ]
    }),
  ]
}

function requestOf(codec: Codec, entity: Representation): Parameters<Codec['parse']>[0] {
  const { headers, body } = codec.render({ shows: 'entity', entity })
  return { headers, body: Buffer.from(codec.inHeaders ? '' : body) }
}

function measureMs({ run, times }: Row): number {
  const start = performance.now()
  for (let i = 0; i < times; i++) run()
  return (performance.now() - start) / times
}

function report(rows: readonly Row[]): void {
  const medians = new Map(rows.map(({ name, tookMs }) => [name, medianOf(tookMs)]))
  const medianIn = (name: string): number => medians.get(name) ?? Number.NaN
  console.log(`a compute with ${USER_DATA_BYTES / 1024} KiB of user data in base64; median of ${ROUNDS} rounds\n`)
  console.log(`${'what'.padEnd(34)}${'ms'.padStart(9)}   times the time`)
  const ratios: number[] = []
  for (const { name, beside } of rows) {
    const ratio = beside === undefined ? undefined : medianIn(name) / medianIn(beside)
    if (ratio !== undefined && beside !== YARDSTICKS.decode) ratios.push(ratio)
    const shown = ratio === undefined ? '' : `   ${ratio.toFixed(1)}x ${beside}`
    console.log(`${name.padEnd(34)}${medianIn(name).toFixed(4).padStart(9)}${shown}`)
  }
  const most = Math.max(...ratios)
  const fits = most <= RATIO_BAR
  console.log(`\nat most ${RATIO_BAR}x the engine's JSON: ${fits ? 'yes' : 'NO'} (${most.toFixed(1)}x)`)
  if (options.check && !fits) process.exitCode = 1
}
