/**
 * Our metadata server for one guest, within the guest's network: `serve.ts FOLDER`, where the folder holds `user-data`, and
 * `vendor-data` if there is to be any. Each event that it records is a line of JSON on stdout.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createMetadataServer } from '../../../src/deliveries/metadata-http.ts'
import type { Context } from '../../../src/model/context.ts'
import { CONTEXT } from './context.ts'

// The guest's own address, as the server sees it: both ends of the connection are one machine.
const ADDRESS = '169.254.169.254'

const [folder = '.'] = process.argv.slice(2)
const userData = await readFile(join(folder, 'user-data'))
const vendorData = await readFile(join(folder, 'vendor-data')).catch(() => undefined)
const context: Context = { ...CONTEXT, userData, ...(vendorData ? { vendorData } : {}) }

const server = createMetadataServer({
  source: { find: async (id) => (id === context.guestId ? { context, revision: 1 } : undefined) },
  recorder: { record: (event) => console.log(JSON.stringify(event)) },
  secret: randomBytes(32),
  log: (line) => console.error(line),
})
await server.listen({
  host: ADDRESS,
  port: 80,
  identity: { by: 'address', find: async (address) => (address === ADDRESS ? context.guestId : undefined) },
})
