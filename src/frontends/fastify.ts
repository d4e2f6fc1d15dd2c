import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { CloudError, isCloudError } from '../model/errors.ts'
import { answerClientError } from './client-error.ts'
import { hasCredential, STATUS, type Guard } from './guard.ts'
import { textResponse, type GuardedHandler, type HttpHandler, type HttpRequest, type HttpResponse } from './http.ts'
import { pour } from './live.ts'
import { originCheck, type OriginRules } from './origin.ts'
import { readHead, toRawHeaders } from './raw.ts'

/** What one client may cost us. */
interface ApiLimits {
  /** All request headers together: text/occi carries user data there. */
  readonly headersMaxBytes: number
  readonly bodyMaxBytes: number
  /** From the first byte to the end of the headers. */
  readonly headersTimeoutMs: number
  /** From the first byte to the end of the body. */
  readonly requestTimeoutMs: number
  /** How long `close` waits for answers under way. */
  readonly drainMs: number
  /** How long the client of a live answer may take nothing of it. */
  readonly stalledMs: number
}

const LIMITS: ApiLimits = {
  headersMaxBytes: 256 * 1024,
  // 8 MiB of user data are 10.7 MiB of base64.
  bodyMaxBytes: 12 * 1024 * 1024,
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 120_000,
  drainMs: 10_000,
  stalledMs: 30_000,
}

/** What is mounted on the API port, and its rules. */
export interface ApiServerOptions extends OriginRules {
  readonly guard: Guard
  /** By path (`/healthz`); these need no credential and answer under any name, so they must tell nothing. */
  readonly open?: Readonly<Record<string, HttpHandler>>
  /** By path; each has a guard of its own and answers under any name: services of clouds ask there, and no users. */
  readonly services?: Readonly<Record<string, GuardedService>>
  /** By path; these answer those who show no credential, where `routes` answers all others. */
  readonly welcome?: Readonly<Record<string, HttpHandler>>
  /** By path prefix (`/api` takes `/api` and all below it). */
  readonly routes?: Readonly<Record<string, GuardedHandler>>
  /** Takes all other paths. */
  readonly root: GuardedHandler
  /** The `Server` header of answers that have none of their own. */
  readonly product: string
  readonly limits?: Partial<ApiLimits>
  readonly log: Pick<Logger, 'debug' | 'info' | 'error'>
}

/** What lets in others than the API's users. */
export interface GuardedService {
  readonly guard: Guard
  readonly handler: GuardedHandler
}

/** The API port. */
export interface ApiServer {
  /** @returns where it listens; port 0 takes a free one */
  listen(at: {
    readonly host: string
    readonly port: number
  }): Promise<{ readonly host: string; readonly port: number }>
  /** Takes no more requests, waits for the answers under way (no longer than `drainMs`), then cuts what is left. */
  close(): Promise<void>
}

/** Decided from a request's head: the answer once its body is there. */
type Admitted = (body: Uint8Array) => Promise<HttpResponse>

/**
 * Carries plain handlers on fastify. A request's name, origin and credential are checked before its body is read.
 *
 * @example
 * const server = createApiServer({ publicUrl, guard, open: { '/healthz': healthz }, root: occi, product, log })
 * const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
 */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const limits = { ...LIMITS, ...options.limits }
  const { guard, open = {}, services = {}, welcome = {}, routes = {}, root, product, log } = options
  const refusedOrigin = originCheck(options)
  const prefixes = Object.entries(routes).toSorted(([a], [b]) => b.length - a.length)
  const closing = new AbortController()

  async function admit(head: Omit<HttpRequest, 'body'>): Promise<Admitted | HttpResponse> {
    const openHandler = Object.hasOwn(open, head.path) ? open[head.path] : undefined
    if (openHandler) return async (body) => await openHandler({ ...head, body })
    const service = Object.hasOwn(services, head.path) ? services[head.path] : undefined
    if (service) return await pass(head, service.guard, service.handler)
    const foreign = refusedOrigin(head)
    if (foreign !== undefined) throw new CloudError('forbidden', foreign)
    const anonymous = Object.hasOwn(welcome, head.path) && !hasCredential(head) ? welcome[head.path] : undefined
    if (anonymous) return async (body) => await anonymous({ ...head, body })
    // Clients of CIMI put their own slash behind one of ours.
    const path = head.path.replace(/^\/{2,}/, '/')
    const handler = prefixes.find(([prefix]) => `${path}/`.startsWith(`${prefix}/`))?.[1] ?? root
    return await pass(head, guard, handler)
  }

  async function pass(
    head: Omit<HttpRequest, 'body'>,
    keeper: Guard,
    handler: GuardedHandler,
  ): Promise<Admitted | HttpResponse> {
    const admission = await keeper(head)
    if ('refusal' in admission) return admission.refusal
    return async (body) => await handler({ ...head, body }, admission.caller)
  }

  function write(request: FastifyRequest, reply: FastifyReply, response: HttpResponse): void {
    const { live } = response
    const more: [string, string][] = [['X-Request-Id', request.id]]
    if (!live) more.push(['Content-Length', String(response.body.byteLength)])
    if (!response.headers.some(([name]) => name.toLowerCase() === 'server')) more.push(['Server', product])
    // What was live ends with its connection: nobody waits for an idle one when we close.
    if (closing.signal.aborted || live) more.push(['Connection', 'close'])
    // The raw response, because fastify's own lower-cases names.
    reply.raw.writeHead(response.status, toRawHeaders([...response.headers, ...more]))
    const { raw } = reply.hijack()
    // A string body would make Node encode the headers again, as UTF-8.
    const body = Buffer.from(response.body)
    if (!live || request.method === 'HEAD') {
      raw.end(body)
      return
    }
    raw.write(body)
    pour(raw, live, { closing: closing.signal, stalledMs: limits.stalledMs }).catch((error: unknown) =>
      logUnexpected(error, request),
    )
  }

  function toResponse(error: unknown, request: FastifyRequest): HttpResponse {
    if (isCloudError(error)) return textResponse(STATUS[error.code], error.message)
    // Of fastify itself: a body too large, cut short or of another length than announced.
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
    if (status === 413) return textResponse(413, `the request's body is larger than ${limits.bodyMaxBytes} bytes`)
    if (status >= 400 && status < 500) return textResponse(status, 'the request broke off or is not HTTP')
    logUnexpected(error, request)
    return textResponse(500, `this is a fault of ours; the log tells more at ${request.id}`)
  }

  function logUnexpected(error: unknown, request: FastifyRequest): void {
    const stack = error instanceof Error ? error.stack : String(error)
    log.error({ requestId: request.id, method: request.method, path: pathOf(request), stack }, 'unexpected error')
  }

  const app = fastify({
    bodyLimit: limits.bodyMaxBytes,
    requestTimeout: limits.requestTimeoutMs,
    http: {
      maxHeaderSize: limits.headersMaxBytes,
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: Math.min(5000, limits.headersTimeoutMs),
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    genReqId: () => randomUUID(),
    // Our handlers route by themselves, from the path as it was sent.
    rewriteUrl: () => '/',
    clientErrorHandler: (error, socket) => answerClientError(error, socket, product),
  })
  // Node drops the headers after the 1000th in silence; their size is limited all the same.
  app.server.maxHeadersCount = 0
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.decorateRequest('admitted')
  app.addHook('onRequest', async (request, reply) => {
    // `text/plain,text/occi`, which OCCI clients send, is 415 for fastify; our handlers read the raw headers.
    request.raw.headers['content-type'] = 'application/octet-stream'
    const admitted = await admit(readHead(request.method, request.originalUrl, request.raw.rawHeaders))
    if (typeof admitted === 'function') request.setDecorator('admitted', admitted)
    else write(request, reply, admitted)
  })
  app.all('/', async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : new Uint8Array()
    write(request, reply, await request.getDecorator<Admitted>('admitted')(body))
  })
  app.setErrorHandler((error, request, reply) => write(request, reply, toResponse(error, request)))
  app.setNotFoundHandler((request, reply) =>
    write(request, reply, textResponse(501, `${request.method.slice(0, 20)} is no method of this server`)),
  )
  app.addHook('onResponse', async (request, reply) => {
    const path = pathOf(request)
    const line = { requestId: request.id, method: request.method, path, status: reply.raw.statusCode }
    log[Object.hasOwn(open, path) ? 'debug' : 'info']({ ...line, elapsedMs: Math.round(reply.elapsedTime) }, 'request')
  })

  return {
    listen: async ({ host, port }) => {
      await app.listen({ host, port })
      const { address, port: taken } = app.server.address() as AddressInfo
      return { host: address, port: taken }
    },
    close: async () => {
      closing.abort()
      const cut = setTimeout(() => app.server.closeAllConnections(), limits.drainMs)
      await app.close()
      clearTimeout(cut)
    },
  }
}

function pathOf(request: FastifyRequest): string {
  return request.originalUrl.split('?', 1)[0]?.slice(0, 200) ?? ''
}
