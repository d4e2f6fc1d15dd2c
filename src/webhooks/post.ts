import { Agent, request, type Dispatcher } from 'undici'
import { retryAfterMs } from '../wire/http-retry.ts'
import { pinned, type Endpoints } from './endpoint.ts'

/** What became of one try. */
export type Outcome =
  | { readonly kind: 'done' }
  /** The receiver wants no more, ever. */
  | { readonly kind: 'gone' }
  /** @property afterMs how long the receiver asks to be left alone, at least */
  | { readonly kind: 'failed'; readonly why: string; readonly afterMs: number }

/** Where a receiver is, found out once. */
interface Receiver {
  /** A connection of its own, made when it is first needed. */
  connect(): Connection
}

/** Sends one message after the other. */
export interface Connection {
  post(body: string, headers: Readonly<Record<string, string>>): Promise<Outcome>
  close(): Promise<void>
}

/** How a receiver is spoken to. */
interface ReceiverOptions {
  readonly url: string
  readonly endpoints: Pick<Endpoints, 'addresses'>
  /** One try may take so long, in milliseconds. */
  readonly tryMs: number
  readonly closing: AbortSignal
  readonly now: () => number
}

/** More of an answer is not read. */
const ANSWER_MAX_BYTES = 4096
const HEADERS_MAX_BYTES = 16 * 1024

/**
 * Finds out where a receiver is, once, and connects there and nowhere else for as long as it is open. Redirects are not followed, and
 * no proxy is asked.
 *
 * @returns why it cannot be reached, in place of it
 */
export async function openReceiver({
  url,
  endpoints,
  tryMs,
  closing,
  now,
}: ReceiverOptions): Promise<Receiver | { readonly failure: string }> {
  const within = (): AbortSignal => AbortSignal.any([closing, AbortSignal.timeout(tryMs)])
  const addresses = await endpoints.addresses(url, within())
  if (addresses.length === 0)
    return { failure: 'the DNS has no address for its host name, or not only such as webhooks may go to' }
  return {
    connect() {
      // Given more, it opens a second one where the first would do in a moment: a receiver that has one thread never gets to it.
      const dispatcher = new Agent({
        connect: { lookup: pinned(addresses), timeout: tryMs },
        connections: 1,
        allowH2: false,
        maxHeaderSize: HEADERS_MAX_BYTES,
      })
      return {
        async post(body, headers) {
          const signal = within()
          try {
            const reply = await request(url, { method: 'POST', dispatcher, headers, body, signal })
            await passOver(reply, signal)
            return outcomeOf(reply, now())
          } catch (error) {
            return { kind: 'failed', why: whyOf(error, signal), afterMs: 0 }
          }
        },
        close: () => dispatcher.destroy(),
      }
    },
  }
}

/** The status says all; a short rest is read so that the connection can serve again. */
async function passOver({ body }: Dispatcher.ResponseData, signal: AbortSignal): Promise<void> {
  try {
    await body.dump({ limit: ANSWER_MAX_BYTES, signal })
  } catch {
    body.destroy()
  }
}

function outcomeOf({ statusCode: status, headers }: Dispatcher.ResponseData, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'done' }
  if (status === 410) return { kind: 'gone' }
  const { 'retry-after': later } = headers
  const afterMs = typeof later === 'string' ? retryAfterMs(new Map([['retry-after', later]]), now) : 0
  const why = status >= 300 && status < 400 ? `answers ${status}, and redirects are not followed` : `answers ${status}`
  return { kind: 'failed', why, afterMs }
}

/** Only codes of the system stand in it: its messages may hold bytes of the wire, or addresses. */
function whyOf(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'gave no answer in time'
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'no code'
  return `cannot be reached (${code.slice(0, 60)})`
}
