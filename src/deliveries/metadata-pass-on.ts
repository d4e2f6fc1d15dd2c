import { STATUS_CODES } from 'node:http'
import { Agent } from 'undici'
import { tryOnce, type Outcome, type RawAnswer, type Sending } from '../wire/http-try.ts'
import type { Asked } from './metadata-asked.ts'
import { bareReply, type Reply } from './metadata-reply.ts'

/** Has others answer. */
export interface PassOn {
  /** Never rejects. */
  answer(asked: Asked, method: string, body: Uint8Array): Promise<Reply>
  /** Breaks off what is under way. */
  close(): Promise<void>
}

/** How it is made; the numbers have defaults and are there for tests. */
export interface PassOnOptions {
  /** Scheme, host and port, and no path. */
  readonly url: string
  /** Told when the other side fails, and when it answers again. */
  readonly log: (line: string) => void
  /** For the whole of an answer, in milliseconds; less than our own connections and Neutron's proxies have (30 and 32 s). */
  readonly timeoutMs?: number
  /** Longer answers are not passed on. */
  readonly maxBytes?: number
}

const TIMEOUT_MS = 25_000
const ANSWER_MAX_BYTES = 16 * 1024 * 1024
const CONNECTIONS_MAX = 256

/** They speak of one connection, not of the request. RFC 9110 7.6.1; the others are made anew by whoever sends. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'host',
  'expect',
  'date',
])

const METHODS: ReadonlySet<string> = new Set<Sending['method']>(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

/**
 * Passes requests on as they are to a metadata service, and its answers back.
 *
 * What fails is said as a proxy says it: 503 where nobody is there, 504 where it takes too long, 502 for half an answer. Newer
 * agents tell guests so, older ones make a 500 of it: the same that they do without us.
 */
export function createPassOn({ url, log, timeoutMs = TIMEOUT_MS, maxBytes = ANSWER_MAX_BYTES }: PassOnOptions): PassOn {
  // A connection for each request, as agents do it: one that was kept may be closed just when it is used again.
  const dispatcher = new Agent({
    pipelining: 0,
    connections: CONNECTIONS_MAX,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: timeoutMs },
  })
  const closing = new AbortController()
  const { origin } = new URL(url)
  let isFailing = false

  function note(outcome: Outcome): void {
    if ('failure' in outcome === isFailing) return
    isFailing = 'failure' in outcome
    log(`metadata: ${origin} ${'failure' in outcome ? outcome.failure.why : 'answers again'}`)
  }

  return {
    async answer({ path, headers }, method, body) {
      if (!isSending(method)) return bareReply(400)
      const outcome = await tryOnce(
        {
          method,
          url: `${origin}${path.startsWith('/') ? path : pathIn(path)}`,
          headers: withoutHops(headers),
          ...(body.length > 0 ? { body } : {}),
        },
        {
          dispatcher,
          call: { signal: closing.signal, deadline: Date.now() + timeoutMs },
          tryMs: timeoutMs,
          maxBytes,
          now: Date.now,
        },
      )
      note(outcome)
      return 'answer' in outcome ? toReply(outcome.answer, method) : bareReply(statusOf(outcome.failure))
    },
    close: async () => {
      closing.abort()
      await dispatcher.destroy()
    },
  }
}

function isSending(method: string): method is Sending['method'] {
  return METHODS.has(method)
}

/** Of a whole URL, as proxies may ask for it, or of `*`. RFC 9112 3.2 */
function pathIn(target: string): string {
  return target === '*' ? '/' : target.replace(/^https?:\/\/[^/?]*/, '').replace(/^(?!\/)/, '/')
}

function withoutHops(headers: readonly string[]): Readonly<Record<string, string>> {
  const kept = new Map<string, string>()
  const named = new Set<string>()
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = [headers[i], headers[i + 1]]
    if (name === 'connection') for (const option of value.split(',')) named.add(option.trim().toLowerCase())
    const before = kept.get(name)
    kept.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries([...kept].filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)))
}

function toReply({ status, headers, bytes }: RawAnswer, method: string): Reply {
  const lines = [...headers].filter(([name]) => !HOP_BY_HOP.has(name)).map(([name, value]) => `${name}: ${value}\r\n`)
  // A body that ended with the connection gets its length here; of an answer to HEAD only the other side knows it.
  const length = method === 'HEAD' ? headers.get('content-length') : String(bytes.length)
  if (length !== undefined && status !== 204 && status !== 304) lines.push(`Content-Length: ${length}\r\n`)
  return { status, head: `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}`, body: bytes }
}

function statusOf({ code, isSent }: Extract<Outcome, { failure: unknown }>['failure']): number {
  if (code === 'timeout') return 504
  return code === 'unavailable' && !isSent ? 503 : 502
}
