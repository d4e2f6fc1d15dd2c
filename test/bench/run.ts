/**
 * All benchmarks, one after the other: `npm run bench`, or `npm run bench -- --check`, which fails where a bar is missed, or
 * `npm run bench -- --quick`, which only shows that they run.
 * With `CI` set it also fails where a program to compare with is missing.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BENCHMARKS = ['metadata', 'disks', 'occi', 'occi-list', 'cimi-list']

for (const name of BENCHMARKS) {
  console.log(`\n== ${name}\n`)
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file, ...process.argv.slice(2)], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
