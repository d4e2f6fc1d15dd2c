import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import {
  createServer,
  request as send,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** The services that a driver asks, by their types in Keystone's catalogue. */
const SERVICES = ['identity', 'compute', 'network', 'image'] as const
export type ServiceType = (typeof SERVICES)[number]

/** What goes wrong with a request. */
export type Strike =
  /** Answered here; the service never sees it. @param headers computed when it strikes, for dates */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: () => Readonly<Record<string, string>>
      readonly body?: string
    }
  /** The service does it, but its answer is another. */
  | { readonly kind: 'garble'; readonly body: string }
  /** The connection breaks: before the service sees it, or once it has done it, at some point of the answer. */
  | { readonly kind: 'cut'; readonly at: 'before' | 'after' | 'in-head' | 'in-body' }
  /** No answer ever comes, be it done or not; `in-body`: it begins, and never ends. */
  | { readonly kind: 'hang'; readonly at: 'before' | 'after' | 'in-body' }
  /** It reaches the service so late, also where nobody waits for it any more: a queue, as servers have it. */
  | { readonly kind: 'late'; readonly ms: number }

/** Which requests are struck, and by what. */
export interface Fault {
  readonly service: ServiceType
  readonly method?: string
  /** Of the path with the query. */
  readonly path?: RegExp
  /** So many that match pass before (default 0). */
  readonly skip?: number
  /** So many are struck (default 1). */
  readonly times?: number
  readonly strike: Strike
}

/** A request that came. */
export interface Passed {
  readonly at: number
  readonly service: ServiceType
  readonly method: string
  readonly path: string
  /** With which it was asked. */
  readonly token?: string
  /** What struck it; absent: nothing. */
  readonly strike?: Strike
}

/** Stands between Bellhop and the services of an OpenStack; all goes through until it is told what goes wrong. */
export interface FaultyProxy {
  /** Keystone's, with the version; its catalogue leads here too. */
  readonly authUrl: string
  /** Everything that came, in order. */
  readonly log: readonly Passed[]
  /** Replaces all faults, and begins to count anew. @returns how often each has struck */
  readonly set: (...faults: readonly Fault[]) => () => readonly number[]
  /** Refuses connections to a service, and breaks those that there are. */
  readonly stop: (service: ServiceType) => Promise<void>
  readonly start: (service: ServiceType) => Promise<void>
  /** Resolves once what is late has come through. */
  readonly idle: () => Promise<void>
  readonly close: () => Promise<void>
}

/** @param targets where each service really is: its root, without a version */
export async function openFaultyProxy(targets: Readonly<Record<ServiceType, string>>): Promise<FaultyProxy> {
  const log: Passed[] = []
  const running = new Set<Promise<void>>()
  let faults: { readonly fault: Fault; seen: number; struck: number }[] = []

  const strikeFor = (service: ServiceType, method: string, url: string): Strike | undefined => {
    let found: Strike | undefined
    for (const each of faults) {
      const { fault } = each
      const { skip = 0, times = 1 } = fault
      if (fault.service !== service || (fault.method ?? method) !== method || fault.path?.test(url) === false) continue
      const at = each.seen++
      if (found || at < skip || at >= skip + times) continue
      each.struck++
      found = fault.strike
    }
    return found
  }

  async function serve(service: ServiceType, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {})
    const body = await bytesOf(request)
    const { method = 'GET', url = '/' } = request
    const path = new URL(url, 'http://proxy').pathname
    const strike = strikeFor(service, method, url)
    const token = request.headers['x-auth-token']
    log.push({
      at: Date.now(),
      service,
      method,
      path,
      ...(typeof token === 'string' ? { token } : {}),
      ...(strike ? { strike } : {}),
    })
    if (strike?.kind === 'answer') {
      response.writeHead(strike.status, { ...strike.headers?.() }).end(strike.body)
      return
    }
    if (strike?.kind === 'cut' && strike.at === 'before') return void request.socket.destroy()
    if (strike?.kind === 'hang' && strike.at === 'before') return
    if (strike?.kind === 'late') await sleep(strike.ms)
    const answer = await forward(`${targets[service]}${url}`, method, request.headers, body)
    if (strike?.kind === 'hang' && strike.at === 'after') return
    give(strike, service === 'identity' ? { ...answer, bytes: here(answer.bytes) } : answer, response)
  }

  /** The catalogue, with our addresses in it. */
  const here = (bytes: Buffer): Buffer =>
    Buffer.from(
      SERVICES.reduce((text, service) => text.replaceAll(targets[service], urlOf(service)), bytes.toString('utf8')),
    )

  const servers = new Map(
    SERVICES.map((service) => {
      const server = createServer((request, response) => {
        const done = serve(service, request, response)
          // Whoever asked went away.
          .catch(() => void request.socket.destroy())
          .finally(() => running.delete(done))
        running.add(done)
      })
      return [service, server] as const
    }),
  )
  const serverOf = (service: ServiceType) => {
    const server = servers.get(service)
    if (!server) throw new Error(`there is no ${service}`)
    return server
  }
  const ports = new Map<ServiceType, number>()
  const start = async (service: ServiceType): Promise<void> => {
    const server = serverOf(service)
    server.listen(ports.get(service) ?? 0, '127.0.0.1')
    await once(server, 'listening')
    ports.set(service, (server.address() as AddressInfo).port)
  }
  const stop = async (service: ServiceType): Promise<void> => {
    const server = serverOf(service)
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  const urlOf = (service: ServiceType): string => `http://127.0.0.1:${ports.get(service)}`

  for (const service of SERVICES) await start(service)
  return {
    authUrl: `${urlOf('identity')}/v3`,
    log,
    set: (...wanted) => {
      const mine = wanted.map((fault) => ({ fault, seen: 0, struck: 0 }))
      faults = mine
      return () => mine.map(({ struck }) => struck)
    },
    stop,
    start,
    idle: async () => void (await Promise.all(running)),
    close: async () => {
      for (const service of SERVICES) await stop(service)
    },
  }
}

interface Answer {
  readonly status: number
  readonly reason: string
  /** In pairs, as they came. */
  readonly headers: readonly string[]
  readonly bytes: Buffer
}

async function forward(url: string, method: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Answer> {
  const asked = send(url, {
    method,
    headers: { ...headers, host: new URL(url).host, connection: 'close' },
    agent: false,
  })
  asked.end(body)
  const [reply] = (await once(asked, 'response')) as [IncomingMessage]
  const bytes = await bytesOf(reply)
  return { status: reply.statusCode ?? 0, reason: reply.statusMessage ?? '', headers: reply.rawHeaders, bytes }
}

// These say how the one connection works, and the other works otherwise.
const OF_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length'])

/** The answer as it came, or as far as it is let through. */
function give(strike: Strike | undefined, answer: Answer, response: ServerResponse): void {
  const { socket } = response
  const bytes = strike?.kind === 'garble' ? Buffer.from(strike.body) : answer.bytes
  const head = [`HTTP/1.1 ${answer.status} ${answer.reason}`]
  for (let at = 0; at < answer.headers.length; at += 2)
    if (!OF_CONNECTION.has(answer.headers[at]?.toLowerCase() ?? ''))
      head.push(`${answer.headers[at]}: ${answer.headers[at + 1]}`)
  const isWhole = answer.status !== 204 && answer.status !== 304
  const text = [...head, ...(isWhole ? [`Content-Length: ${bytes.length}`] : []), 'Connection: close', '', ''].join(
    '\r\n',
  )
  if (strike?.kind === 'cut' && strike.at === 'after') return void socket?.destroy()
  if (strike?.kind === 'cut' && strike.at === 'in-head')
    return void socket?.write(text.slice(0, text.length / 2), () => socket.destroy())
  const half = Buffer.concat([Buffer.from(text), bytes.subarray(0, bytes.length / 2)])
  if (strike?.kind === 'cut') return void socket?.write(half, () => socket.destroy())
  if (strike?.kind === 'hang') return void socket?.write(half)
  socket?.end(Buffer.concat([Buffer.from(text), ...(isWhole ? [bytes] : [])]))
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
