/**
 * Our metadata server as a process of its own: `metadata-server.ts FOLDER COUNT [silent]`. It has COUNT instances in a SQLite
 * store in FOLDER, each with 1 KB of user data of its own, and knows callers by an address (`addressOf`). Lines of JSON on
 * stdout; it ends when its stdin does. A line on stdin asks how many different instances asked since the last one, and is answered
 * once all that was recorded is in the store. `silent`: nothing is recorded.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createMetadataServer } from '../../src/deliveries/metadata-http.ts'
import { contextSource } from '../../src/service/context.ts'
import { createRecorder } from '../../src/service/recorder.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { bootingInstance } from './boots.ts'
import { addressOf, USER_DATA_BYTES } from './metadata-keys.ts'

const [folder = '.', count = '1000', kind] = process.argv.slice(2)
const store = await sqliteStore(join(folder, 'bench.db'))
const numbers = new Map<string, number>()
const ids = Array.from({ length: Number(count) }, () => randomUUID())
const GROUP = 1000
for (let from = 0; from < ids.length; from += GROUP) await Promise.all(ids.slice(from, from + GROUP).map(insert))
for (const number of ids.keys()) numbers.set(addressOf(number), number)

async function insert(id: string): Promise<void> {
  await store.insertInstance({ ...bootingInstance(USER_DATA_BYTES), id }, [])
}

const seen = new Uint8Array(ids.length)
const recorder = createRecorder({ store, log: { warn: (fields, message) => console.error(message, fields) } })
const server = createMetadataServer({
  source: contextSource(store),
  recorder: kind === 'silent' ? { record: () => {} } : recorder,
  secret: randomBytes(32),
  log: (line) => console.error(line),
})
const { port } = await server.listen({
  host: '127.0.0.1',
  port: 0,
  identity: {
    by: 'address',
    trustedProxies: ['127.0.0.1'],
    find: (address) => {
      const number = numbers.get(address)
      if (number === undefined) return undefined
      seen[number] = 1
      return ids[number]
    },
  },
})
console.log(JSON.stringify({ port }))

for await (const _line of createInterface({ input: process.stdin })) {
  await recorder.flush()
  console.log(
    JSON.stringify({ distinct: seen.reduce((sum, each) => sum + each, 0), rssBytes: process.memoryUsage.rss() }),
  )
  seen.fill(0)
}
await server.close()
await recorder.close()
await store.close()
