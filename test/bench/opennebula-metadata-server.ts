/**
 * Our metadata server in front of an OpenNebula, as a process of its own: `opennebula-metadata-server.ts URL RECORD_MS`. The
 * first line of its stdout says the port; it ends when its stdin does. Callers are known by `X-Forwarded-For`, for a load
 * comes from one address.
 */
import { randomBytes } from 'node:crypto'
import { serveMetadataFrom } from '../../src/metadata-from/index.ts'
import { openNebulaRecords } from '../../src/metadata-from/opennebula.ts'
import { openNebulaApi } from '../../src/providers/opennebula/api.ts'
import { createHttpClient } from '../../src/wire/http.ts'

const [url = '', recordMs = ''] = process.argv.slice(2)
const name = 'one'
const http = createHttpClient({ maxBytes: 64 * 1024 * 1024 })
const log = (line: string): void => console.error(line)
const api = openNebulaApi({ url, session: 'oneadmin:opennebula', http, name })
const serving = await serveMetadataFrom({
  frontEnds: [
    {
      name,
      records: openNebulaRecords({ api, zone: name, log }),
      listeners: [{ network: '0', host: '127.0.0.1', port: 0, trustedProxies: ['127.0.0.1'] }],
    },
  ],
  secret: randomBytes(32),
  freshness: { recordMs: Number(recordMs) },
  log,
})
console.log(JSON.stringify({ port: serving.listeners[0]?.port }))
await new Promise((resolve) => process.stdin.resume().once('end', resolve))
await serving.close()
await http.close()
