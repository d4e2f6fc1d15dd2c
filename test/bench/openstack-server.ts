/**
 * Our metadata server in Nova's place, as a process of its own: `openstack-server.ts FOLDER CACHE_MAX_BYTES`. The first line
 * of its stdin is a JSON of {@link Served}; the first of its stdout says the port. It ends when its stdin does.
 */
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createMetadataServer } from '../../src/deliveries/metadata-http.ts'
import { neutronListener } from '../../src/neutron.ts'
import { contextSource } from '../../src/service/context.ts'
import { createRecorder } from '../../src/service/recorder.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { sampleInstance, sampleSpec } from '../conformance/store-samples.ts'

/** What it is to serve. */
export interface Served {
  readonly sharedSecretFile: string
  readonly guests: readonly {
    readonly serverId: string
    readonly projectId: string
    readonly name: string
    readonly userDataBase64: string
  }[]
}

const PROVIDER = 'site'
const [folder = '.', cacheMaxBytes = ''] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { sharedSecretFile, guests } = JSON.parse((await lines.next()).value as string) as Served

const store = await sqliteStore(join(folder, 'bench.db'))
for (const { serverId: remoteId, projectId, name, userDataBase64 } of guests) {
  const spec = sampleSpec({ name, userData: Buffer.from(userDataBase64, 'base64') })
  const facts = { launchIndex: 0, name, projectId, zone: 'nova', sizeName: 'tiny', localIpv4: '10.77.0.9' }
  await store.insertInstance(sampleInstance({ spec, remoteId, facts, provider: PROVIDER, state: 'active' }), [])
}
const recorder = createRecorder({ store, log: { warn: (fields, message) => console.error(message, fields) } })
const server = createMetadataServer({
  source: contextSource(store),
  recorder,
  secret: randomBytes(32),
  log: (line) => console.error(line),
  ...(cacheMaxBytes === '' ? {} : { cacheMaxBytes: Number(cacheMaxBytes) }),
})
const listen = { host: '127.0.0.1', port: 0 }
const place = { providers: [PROVIDER], listen, sharedSecretFile, configDrive: true }
const { port } = await server.listen(await neutronListener(place, store))
console.log(JSON.stringify({ port }))

while (!(await lines.next()).done);
await server.close()
await recorder.close()
await store.close()
