/**
 * All benchmarks, one after the other: `npm run bench`, or those that are named: `npm run bench -- openstack`. With `--check` it
 * fails where a bar is missed; `--quick` only shows that they run.
 * With `CI` set it also fails where a program to compare with is missing.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BENCHMARKS = [
  'metadata',
  'storm',
  'disks',
  'injection',
  'occi',
  'occi-list',
  'cimi-list',
  'openstack',
  'opennebula-metadata',
]

const named = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const stranger = named.find((name) => !BENCHMARKS.includes(name))
if (stranger !== undefined) {
  console.error(`there is no benchmark ${stranger}; there are ${BENCHMARKS.join(', ')}`)
  process.exit(2)
}
const options = process.argv.slice(2).filter((word) => word.startsWith('--'))

for (const name of named.length > 0 ? named : BENCHMARKS) {
  console.log(`\n== ${name}\n`)
  const file = fileURLToPath(new URL(`${name}.ts`, import.meta.url))
  const { status } = spawnSync(process.execPath, [file, ...options], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
