/**
 * The peer suites, one file after the other: `npm run test:peers`, or `npm run test:peers -- openstack` for those whose
 * names have the word.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const words = process.argv.slice(2)
const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts') && (words.length === 0 || words.some((word) => name.includes(word))))
  .toSorted()
  .map((name) => join(import.meta.dirname, name))

if (files.length === 0) {
  console.error(`no peer suite has ${words.join(' or ')} in its name`)
  process.exit(2)
}
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...files], { stdio: 'inherit' })
process.exitCode = status ?? 1
