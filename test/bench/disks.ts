/**
 * What a disk of four small files costs: ours, in this process, beside the programs that others start for it.
 *
 *     node test/bench/disks.ts [--check]
 *
 * Each round measures every row once, so that all see the same machine; shown are medians. With `--check` the exit code is 1
 * when our ISO is not at least 50 times as fast as genisoimage.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DISKS, type DiskFormat } from '../../src/disks/index.ts'
import { smallFile } from '../conformance/disk-files.ts'
import { need } from '../peers/need.ts'
import { medianOf } from './median.ts'

const IMAGES_PER_ROUND = 200
const RATIO_BAR = 50
const ISO_BAR_MS = 0.1
const LABEL = 'cidata'
const NAMES = ['meta-data', 'user-data', 'vendor-data', 'network-config']

interface Row {
  readonly name: string
  /** The program that the ratio is to. */
  readonly beside?: string
  /** How often `run` is called in a round. */
  readonly times: number
  readonly run: () => void
  readonly tookMs: number[]
}

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
// Quick: to see that it runs; its figures say nothing.
const [ROUNDS, WARM_UP_IMAGES] = options.quick ? [3, 100] : [25, 3000]
const folder = mkdtempSync(join(tmpdir(), 'bellhop-bench-'))
try {
  const rows = rowsIn(folder)
  for (let i = 0; i < WARM_UP_IMAGES; i++) for (const { run, times } of rows) if (times > 1) run()
  for (let round = 0; round < ROUNDS; round++) for (const row of rows) row.tookMs.push(measureMs(row))
  report(rows)
} finally {
  rmSync(folder, { recursive: true })
}

function rowsIn(folder: string): readonly Row[] {
  const files = new Map(NAMES.map((name, i) => [name, smallFile(i)]))
  const source = join(folder, 'source')
  mkdirSync(source)
  for (const [name, { bytes }] of files) writeFileSync(join(source, name), bytes)
  const sources = NAMES.map((name) => join(source, name))
  const iso = join(folder, 'theirs.iso')
  const vfat = join(folder, 'theirs.img')

  const start = (program: string, ...words: readonly string[]) => execFileSync(program, words, { stdio: 'ignore' })
  const ours = (format: DiskFormat, beside: string): Row => ({
    name: `bellhop ${format}`,
    beside,
    times: IMAGES_PER_ROUND,
    run: () => DISKS[format].write(files, { label: LABEL }),
    tookMs: [],
  })
  const oursToFile = (format: DiskFormat, beside: string): Row => ({
    name: `bellhop ${format}, to a file`,
    beside,
    times: 20,
    run: () => writeFileSync(join(folder, `ours.${format}`), DISKS[format].write(files, { label: LABEL })),
    tookMs: [],
  })
  const theirs = (name: string, run: () => void): Row => ({ name, times: 1, run, tookMs: [] })

  const rows: Row[] = [theirs('true (what starting a program costs)', () => start('true'))]
  if (has('genisoimage', 'genisoimage'))
    rows.push(theirs('genisoimage', () => start('genisoimage', '-quiet', '-J', '-R', '-V', LABEL, '-o', iso, source)))
  rows.push(ours('iso', 'genisoimage'), oursToFile('iso', 'genisoimage'))
  if (has('mkfs.vfat', 'dosfstools') && has('mcopy', 'mtools'))
    rows.push(
      theirs('mkfs.vfat + mcopy', () => {
        rmSync(vfat, { force: true })
        writeFileSync(vfat, '')
        truncateSync(vfat, 1024 ** 2)
        start('mkfs.vfat', '-n', LABEL, vfat)
        start('mcopy', '-i', vfat, ...sources, '::')
      }),
    )
  rows.push(ours('vfat', 'mkfs.vfat + mcopy'), oursToFile('vfat', 'mkfs.vfat + mcopy'))
  return rows
}

/** Loudly, if not. */
function has(program: string, debianPackage: string): boolean {
  return need({ skip: (why) => console.error(`NOT MEASURED: ${why}`) }, program, debianPackage)
}

function measureMs({ run, times }: Row): number {
  const start = performance.now()
  for (let i = 0; i < times; i++) run()
  return (performance.now() - start) / times
}

function report(rows: readonly Row[]): void {
  const medians = new Map(rows.map(({ name, tookMs }) => [name, medianOf(tookMs)]))
  const ratioOf = ({ name, beside }: Row) => {
    const theirs = medians.get(beside ?? '')
    return theirs === undefined ? undefined : theirs / (medians.get(name) ?? Number.NaN)
  }
  console.log(`an image of ${NAMES.length} files of 1.8 KB; median of ${ROUNDS} rounds\n`)
  console.log(`${'what'.padEnd(38)}${'ms'.padStart(9)}   times as fast`)
  for (const row of rows) {
    const ratio = ratioOf(row)
    const shown = ratio === undefined ? '' : `   ${ratio.toFixed(0)}x ${row.beside}`
    console.log(`${row.name.padEnd(38)}${(medians.get(row.name) ?? Number.NaN).toFixed(4).padStart(9)}${shown}`)
  }

  const iso = rows.find(({ name }) => name === 'bellhop iso')
  const ratio = iso && ratioOf(iso)
  const isoMs = medians.get('bellhop iso') ?? Number.NaN
  console.log(`\nISO in at most ${ISO_BAR_MS} ms: ${isoMs <= ISO_BAR_MS ? 'yes' : 'NO'} (${isoMs.toFixed(4)} ms)`)
  if (ratio === undefined) {
    console.log(`ISO at least ${RATIO_BAR}x genisoimage: not measured`)
    return
  }
  console.log(`ISO at least ${RATIO_BAR}x genisoimage: ${ratio >= RATIO_BAR ? 'yes' : 'NO'} (${ratio.toFixed(0)}x)`)
  if (options.check && ratio < RATIO_BAR) process.exitCode = 1
}
