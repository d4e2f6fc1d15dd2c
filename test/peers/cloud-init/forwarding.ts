import { once } from 'node:events'
import { connect, createServer, type ListenOptions, type NetConnectOpts, type Server } from 'node:net'

/** Joins whoever connects to one place with another. */
export async function forwarding(at: ListenOptions, to: NetConnectOpts): Promise<Server> {
  const server = createServer((client) => {
    const there = connect(to)
    // Where one end breaks off, so does the other.
    client.on('error', () => there.destroy()).on('close', () => there.end())
    there.on('error', () => client.destroy())
    client.pipe(there).pipe(client)
  })
  server.listen(at)
  await once(server, 'listening')
  return server
}
