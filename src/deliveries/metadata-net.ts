import { createServer, type AddressInfo, type ListenOptions, type Server } from 'node:net'
import { check, finish, serve, type Answering, type Conversation, type MetadataLimits } from './metadata-connection.ts'

/** Something that listens. */
interface Listener {
  /** Of a TCP listener. */
  readonly address: AddressInfo | undefined
  /** Takes no more connections, and ends those that there are after the answers under way, or after `drainMs`. */
  close(drainMs: number): Promise<void>
}

/** Carries the handler on sockets. */
export interface Carrier {
  listen(at: ListenOptions, connectionsMax: number, answering: Answering): Promise<Listener>
  /** Closes all listeners, and waits for no answer longer than the limits say. */
  close(): Promise<void>
}

/** SYN drops are where the tail of a boot storm comes from; Node's own default is 511. */
const BACKLOG = 4096

const CHECKS_PER_TIMEOUT = 4
const CHECK_MS_MAX = 1000

/**
 * Plain sockets, for a guest opens a new connection for each of its twenty requests, and `node:http` makes each of them cost
 * half as much again. One timer looks after the connections of all listeners.
 *
 * @param log is told of errors of listeners
 */
export function createCarrier(limits: MetadataLimits, log: (line: string) => void): Carrier {
  const listeners = new Map<Listener, ReadonlySet<Conversation>>()
  const shortest = Math.min(limits.headTimeoutMs, limits.requestTimeoutMs, limits.idleTimeoutMs)
  const checking = setInterval(checkAll, Math.min(CHECK_MS_MAX, Math.ceil(shortest / CHECKS_PER_TIMEOUT)))
  // It keeps no process alive.
  checking.unref()

  function checkAll(): void {
    const now = Date.now()
    for (const talks of listeners.values()) for (const talk of talks) check(talk, now)
  }

  return {
    async listen(at, connectionsMax, answering) {
      const talks = new Set<Conversation>()
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        const talk = serve(socket, answering)
        talks.add(talk)
        socket.on('close', () => talks.delete(talk))
      })
      server.maxConnections = connectionsMax
      await opened(server, at)
      server.on('error', ({ message }) => log(`metadata: a listener has an error: ${message}`))
      const address = server.address()
      const listener: Listener = {
        address: typeof address === 'string' || address === null ? undefined : address,
        close: async (drainMs) => {
          await closed(server, talks, drainMs)
          listeners.delete(listener)
        },
      }
      listeners.set(listener, talks)
      return listener
    },

    async close() {
      await Promise.all([...listeners.keys()].map((listener) => listener.close(limits.drainMs)))
      clearInterval(checking)
    },
  }
}

async function opened(server: Server, at: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...at, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

async function closed(server: Server, talks: ReadonlySet<Conversation>, drainMs: number): Promise<void> {
  const done = new Promise((resolve) => server.close(resolve))
  for (const talk of talks) finish(talk)
  const cut = setTimeout(() => {
    for (const { socket } of talks) socket.destroy()
  }, drainMs)
  await done
  clearTimeout(cut)
}
