/**
 * What it costs to put one file into an image of 1 GiB that holds 240 MiB: ours, beside the same by hand, and beside guestfish.
 *
 *     node test/bench/injection.ts [--check]
 *
 * Each round measures every row once; shown are medians. By hand is `qemu-img convert` and debugfs: a copy, and nothing looked at. With
 * `--check` the exit code is 1 when an overlay with the file takes a second, or longer than twice the copy by hand.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { injectIntoImage, type ImageInjection } from '../../src/deliveries/injection-image.ts'
import { textFile } from '../../src/model/files.ts'
import { ROOT } from '../e2e/programs.ts'
import { debugfs, makeImage, needImages, run } from '../peers/injection-images.ts'
import { need, needRoot } from '../peers/need.ts'
import { medianOf } from './median.ts'

const BAR_MS = 1000
const BAR_TIMES = 2
const FILES = new Map([['etc/delivered', textFile('good evening\n', { mode: 0o600 })]])

interface Row {
  readonly name: string
  readonly run: () => Promise<void> | void
  readonly tookMs: number[]
}

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
// Quick: to see that it runs; its figures say nothing.
const [rounds, contentMiB] = options.quick ? [1, 8] : [9, 240]

if (needImages({ skip: (why) => console.error(`NOT MEASURED: ${why}`) })) {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-bench-'))
  try {
    await measure(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measure(folder: string): Promise<void> {
  const [content, payload, made] = ['content', 'payload', 'made'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(content, randomBytes(contentMiB * 1024 ** 2))
  writeFileSync(payload, 'good evening\n')
  const raw = await makeImage(folder, 'raw', { sizeMiB: 1024, commands: [`write ${content} content`] })
  const qcow2 = join(folder, 'image.qcow2')
  run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2)
  rmSync(content)

  const ours = (name: string, image: string, more: Partial<ImageInjection>): Row => ({
    name,
    run: async () => void (await injectIntoImage(FILES, { image, to: made, ...more })),
    tookMs: [],
  })
  const byHand = (format: string, image: string): Row => ({
    name: `by hand, ${format}`,
    run: () => {
      run('qemu-img', 'convert', '-f', format, '-O', 'raw', image, made)
      debugfs(made, ['cd /etc', `write ${payload} delivered`], '-w')
    },
    tookMs: [],
  })
  const rows: Row[] = [
    byHand('raw', raw),
    ours('bellhop, copy of a raw image', raw, {}),
    ours('bellhop, overlay over a raw image', raw, { isOverlay: true }),
    byHand('qcow2', qcow2),
    ours('bellhop, copy of a qcow2 image', qcow2, {}),
    ours('bellhop, overlay over a qcow2 image', qcow2, { isOverlay: true }),
  ]
  for (let round = 0; round < rounds; round++)
    for (const { run, tookMs } of rows) {
      const start = performance.now()
      await run()
      tookMs.push(performance.now() - start)
    }
  if (!options.quick) rows.push(...guestfishIn(folder))
  report(rows)
}

/** It takes half a minute: once is enough. In a machine without KVM, for a KVM that is there may not work. */
function guestfishIn(folder: string): readonly Row[] {
  const skip = (why: string) => console.error(`NOT MEASURED: guestfish: ${why}`)
  if (!needRoot({ skip }) || !need({ skip }, 'mmdebstrap', 'mmdebstrap')) return []
  Object.assign(process.env, { LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' })
  const guestfish = (...words: readonly string[]) =>
    void run(
      'sh',
      '-c',
      'cd "$1" && shift && exec "$@"',
      'sh',
      folder,
      join(ROOT, 'test/peers/guestfish/guestfish.sh'),
      ...words,
    )
  // The first calls build it, and the machine that it boots.
  guestfish('--format=qcow2', '-a', 'image.qcow2', 'run')
  const start = performance.now()
  guestfish('--rw', '--format=qcow2', '-a', 'image.qcow2', '-m', '/dev/sda1', 'upload', 'payload', '/etc/by-guestfish')
  return [{ name: 'guestfish, in place, without KVM', run: () => {}, tookMs: [performance.now() - start] }]
}

function report(rows: readonly Row[]): void {
  const medians = new Map(rows.map(({ name, tookMs }) => [name, medianOf(tookMs)]))
  console.log(`one file into an image of 1 GiB with ${contentMiB} MiB in it; median of ${rounds} rounds\n`)
  for (const [name, ms] of medians) console.log(`${name.padEnd(38)}${ms.toFixed(0).padStart(8)} ms`)
  const overlayMs = medians.get('bellhop, overlay over a qcow2 image') ?? Number.NaN
  const times = overlayMs / (medians.get('by hand, qcow2') ?? Number.NaN)
  console.log(`\noverlay in less than ${BAR_MS} ms: ${overlayMs < BAR_MS ? 'yes' : 'NO'} (${overlayMs.toFixed(0)} ms)`)
  console.log(
    `overlay in at most ${BAR_TIMES} times a copy by hand: ${times <= BAR_TIMES ? 'yes' : 'NO'} (${times.toFixed(1)} times)`,
  )
  if (options.check && !(overlayMs < BAR_MS && times <= BAR_TIMES)) process.exitCode = 1
}
