import { Buffer } from 'node:buffer'
import { STATUS_CODES } from 'node:http'
import type { ContextEvent } from '../model/events.ts'
import type { Recorder } from './delivery.ts'
import { isDue, remember, type Fetch, type Mark } from './metadata-mark.ts'

/** An answer, ready to be sent. */
export interface Reply {
  readonly status: number
  /** The status line and the headers of the content, each line with its end; a carrier adds its own, and the empty line. */
  readonly head: string
  readonly body: Uint8Array
  /** What the guest told us: to be recorded as it is, even if the guest does not wait for the answer. */
  readonly heard?: ContextEvent
  /** What the answer means for the guest: to be recorded once its last byte is out, see {@link settle}. */
  readonly event?: ContextEvent
  readonly mark?: Mark
  /** There where `event` is that the user data were fetched. */
  readonly fetch?: Fetch
}

/**
 * Records what a reply stands for. To be called when the socket accepted its last byte, and only then. User data are fetched
 * once in a revision; whoever reads them again accesses them.
 */
export function settle({ event, mark, fetch }: Reply, recorder: Recorder): void {
  if (event === undefined) return
  // Of several answers under way at once, one was out first.
  if (mark && !isDue(mark, event.at)) return
  recorder.record(fetch?.revision === event.revision ? { ...event, kind: 'access' } : event)
  if (fetch) fetch.revision = event.revision
  if (mark) remember(mark, event.at)
}

/** As Nova and EC2 say it. */
export const TEXT = 'text/plain; charset=UTF-8'

/** An answer with a body of a known type. */
export function replyOf(
  status: number,
  type: string,
  body: Uint8Array,
  more: Readonly<Record<string, string>> = {},
): Reply {
  const headers = { 'Content-Type': type, 'Content-Length': String(body.length), ...more }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return { status, head: `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}`, body }
}

/** An answer of one line. */
export function textReply(status: number, text = '', more: Readonly<Record<string, string>> = {}): Reply {
  return replyOf(status, TEXT, Buffer.from(text, 'latin1'), more)
}

/** An answer that says no more than its status does. */
export function bareReply(status: number, more: Readonly<Record<string, string>> = {}): Reply {
  return textReply(status, `${status} ${STATUS_CODES[status] ?? ''}`, more)
}

/** What an unknown caller gets for anything, and a known one for what there is not: the two cannot be told apart. */
export const NOT_FOUND = bareReply(404)
