/**
 * The peer suites: `npm run test:peers`, or `npm run test:peers -- openstack` for those whose names have the word.
 *
 * Those of an OpenStack share one, which takes half a minute to start, and so go one after the other. All others go one after the
 * other beside them: they wait for emulated machines as long as those wait for the cloud.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const words = process.argv.slice(2)
const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.test.ts') && (words.length === 0 || words.some((word) => name.includes(word))))
  .toSorted()

if (files.length === 0) {
  console.error(`no peer suite has ${words.join(' or ')} in its name`)
  process.exit(2)
}
const ofOpenStack = (name: string): boolean => name.startsWith('openstack-')
const lanes = [files.filter(ofOpenStack), files.filter((name) => !ofOpenStack(name))]
const statuses = await Promise.all(lanes.filter((lane) => lane.length > 0).map(runLane))
process.exitCode = statuses.find((status) => status !== 0) ?? 0

/** @returns what it ended with, 1 where a signal ended it */
async function runLane(names: readonly string[]): Promise<number> {
  const paths = names.map((name) => join(import.meta.dirname, name))
  const child = spawn(process.execPath, ['--test', '--test-concurrency=1', ...paths], { stdio: 'inherit' })
  const [status]: unknown[] = await once(child, 'exit')
  return typeof status === 'number' ? status : 1
}
