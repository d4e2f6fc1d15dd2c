import { randomUUID } from 'node:crypto'
import { writeSync } from 'node:fs'
import { memoryProcessProvider } from '../../src/providers/memory/client.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { sampleSpec } from '../conformance/store-samples.ts'
import { openService } from './service.ts'

// A program for killed.test.ts: a service that creates and deletes instances until it is killed, several at once. Says on
// stdout what it was asked and what it acknowledged: `ready`, `created ID`, `deleting ID`.
const [, , path = '', socketPath = ''] = process.argv
const { service } = await openService({
  store: await sqliteStore(path),
  provider: await memoryProcessProvider({ socketPath }),
  reconcileEveryMs: 50,
})
const CALLER = { subject: 'test/alice', project: 'test/red', role: 'member' } as const
// Synchronous: what is said has left this process before anything else happens.
const say = (line: string): void => void writeSync(1, `${line}\n`)

async function work(): Promise<never> {
  for (let number = 0; ; number++) {
    const spec = sampleSpec({ name: `web ${number}`, userData: Buffer.from(randomUUID()) })
    const { id } = await service.create({ spec, idempotencyKey: randomUUID() }, CALLER)
    say(`created ${id}`)
    if (number % 3 !== 2) continue
    say(`deleting ${id}`)
    await service.delete(id, CALLER)
  }
}

say('ready')
await Promise.all([work(), work(), work()])
