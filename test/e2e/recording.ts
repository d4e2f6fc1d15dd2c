import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRecorder } from '../../src/service/recorder.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'

// A program for evidence-killed.test.ts: records numbered events of one instance until it is killed. It prints `recording N`
// before it records those up to N, and `kept N` once they must be in the store.
const [path, instance] = process.argv.slice(2)
if (path === undefined || instance === undefined) throw new Error('usage: recording.ts DATABASE INSTANCE')
const store = await sqliteStore(path)
const recorder = createRecorder({ store, log: { warn: (fields, message) => console.error(message, fields) } })

const BURST = 20
let last = 0
async function keepForEver(): Promise<never> {
  for (;;) {
    const known = last
    await recorder.flush()
    // Synchronous: what is printed has left this process before anything else happens.
    if (known > 0) writeSync(1, `kept ${known}\n`)
    await sleep(1)
  }
}

async function recordForEver(instanceId: string): Promise<never> {
  for (;;) {
    writeSync(1, `recording ${last + BURST}\n`)
    for (const end = last + BURST; last < end;) {
      const event = { kind: 'access', source: 'metadata', revision: 1, bytes: ++last } as const
      recorder.record({ ...event, at: Date.now(), instanceId })
    }
    await sleep(1)
  }
}

await Promise.all([recordForEver(instance), keepForEver()])
