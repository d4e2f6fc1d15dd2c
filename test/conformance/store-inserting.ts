import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { sampleEvent, sampleInstance, sampleSpec } from './store-samples.ts'

// A program for store-killed.test.ts: records instances until it is killed, several at once so that they share commits,
// and prints the id of each one that was acknowledged.
const path = process.argv[2]
if (path === undefined) throw new Error('usage: store-inserting.ts DATABASE')
const store = await sqliteStore(path)

async function insertForEver(): Promise<never> {
  for (;;) {
    const instance = sampleInstance({ spec: sampleSpec({ userData: Buffer.from(randomUUID()) }) })
    await store.insertInstance(instance, [sampleEvent(instance.id)], { idempotencyKey: instance.id })
    // Synchronous: what is printed has left this process before anything else happens.
    writeSync(1, `${instance.id}\n`)
  }
}

await Promise.all(Array.from({ length: 4 }, insertForEver))
