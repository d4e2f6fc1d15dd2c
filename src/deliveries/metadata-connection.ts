import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { Asked, MaybeLater } from './metadata-asked.ts'
import { dateLine } from './metadata-date.ts'
import { parseHead, type Head } from './metadata-head.ts'
import type { Reply } from './metadata-reply.ts'

/** What one client may cost us. */
export interface MetadataLimits {
  /** Request line and headers together, in bytes. */
  readonly headMaxBytes: number
  readonly headersMaxCount: number
  readonly bodyMaxBytes: number
  /** From a request's first byte to the end of its head. */
  readonly headTimeoutMs: number
  /** From a request's first byte to the end of its body. */
  readonly requestTimeoutMs: number
  /** A connection on which nothing moves; 256 KiB of an answer must be taken in so long. */
  readonly idleTimeoutMs: number
  /** Connections of one listener. */
  readonly connectionsMax: number
  /** How long `close` waits for answers under way. */
  readonly drainMs: number
}

/** What a connection needs of the rest of the server. Neither throws nor rejects. */
export interface Answering {
  /** For each connection: finds out who asks, before a body is read; a reply where that cannot be known. */
  admit(peer: { readonly remoteAddress?: string | undefined }): (head: Head) => MaybeLater<Asked | Reply>
  answer(asked: Asked, method: string, body: Uint8Array, now: number): MaybeLater<Reply>
  /** What is said to a request that cannot be taken. @param status why */
  refusal(status: number): Reply
  /** The socket accepted the reply's last byte. */
  sent(reply: Reply): void
  readonly limits: MetadataLimits
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** Larger answers go out in slices, so that a slow client holds no more than one, and is seen to move. */
const SLICE_BYTES = 256 * 1024

/** How long we listen to a client that still talks after the last answer; cut at once, it might not read that. */
const LINGER_MS = 2000

const NOTHING = Buffer.alloc(0)

/** A client and where we are with it. Guests connect anew for each request, so this is one record and no closures. */
export interface Conversation {
  readonly socket: Socket
  readonly answering: Answering
  readonly admit: (head: Head) => MaybeLater<Asked | Reply>
  /** `answering`: what comes meanwhile waits; `parting`: it is dropped. */
  phase: 'reading' | 'answering' | 'parting'
  unread: Buffer
  /** A request whose body is not there yet. */
  waiting: { readonly head: Head; readonly asked: Asked } | undefined
  /** When the first byte of what is read came. */
  startedAt: number
  deadline: number
  /** The client has closed its side. */
  ended: boolean
  /** We close ours after the answer under way. */
  finishing: boolean
  /** The client may still be talking when we have said everything. */
  lingers: boolean
}

/**
 * Speaks HTTP/1.1 on a socket that was made with `allowHalfOpen`: one request after the other, each answered before the next
 * is read.
 */
export function serve(socket: Socket, answering: Answering): Conversation {
  const talk: Conversation = {
    socket,
    answering,
    admit: answering.admit(socket),
    phase: 'reading',
    unread: NOTHING,
    waiting: undefined,
    startedAt: 0,
    deadline: Date.now() + answering.limits.idleTimeoutMs,
    ended: false,
    finishing: false,
    lingers: false,
  }
  socket.on('data', (chunk: Buffer) => hear(talk, chunk))
  socket.on('end', () => hearEnd(talk))
  socket.on('error', ignore)
  return talk
}

/** Cuts it if it was too slow. */
export function check({ socket, deadline }: Conversation, now: number): void {
  if (now > deadline) socket.destroy()
}

/** Ends it, after the answer under way. */
export function finish(talk: Conversation): void {
  talk.finishing = true
  if (talk.phase === 'reading') read(talk, Date.now())
}

// What went wrong is the client's affair; `close` follows.
function ignore(): void {}

function hear(talk: Conversation, chunk: Buffer): void {
  if (talk.phase === 'parting') {
    talk.lingers = true
    return
  }
  const { headMaxBytes, bodyMaxBytes } = talk.answering.limits
  const now = Date.now()
  if (talk.unread.length === 0 && !talk.waiting) talk.startedAt = now
  talk.unread = talk.unread.length === 0 ? chunk : Buffer.concat([talk.unread, chunk])
  if (talk.phase === 'reading') read(talk, now)
  else if (talk.unread.length > headMaxBytes + bodyMaxBytes) talk.socket.pause()
}

function hearEnd(talk: Conversation): void {
  talk.ended = true
  if (talk.phase === 'parting') talk.socket.destroySoon()
  else if (talk.phase === 'reading') read(talk, Date.now())
}

function read(talk: Conversation, now: number): void {
  while (talk.phase === 'reading' && (talk.waiting ? readBody(talk, talk.waiting, now) : readHead(talk, now)));
  if (talk.phase !== 'reading') return
  const { socket, unread, waiting, ended, finishing } = talk
  if (unread.length > 0 && !waiting) talk.deadline = talk.startedAt + talk.answering.limits.headTimeoutMs
  if (ended || (finishing && !waiting && unread.length === 0)) part(talk)
  else if (socket.isPaused()) socket.resume()
}

/** @returns whether there was all that it takes */
function readHead(talk: Conversation, now: number): boolean {
  const { limits } = talk.answering
  // RFC 9112 2.2: an empty line before a request is no harm.
  while (talk.unread[0] === 0x0d && talk.unread[1] === 0x0a) talk.unread = talk.unread.subarray(2)
  const { unread } = talk
  if (unread.length === 0) return false
  const end = unread.indexOf(END_OF_HEAD)
  if (end === -1 && unread.length <= limits.headMaxBytes) return false
  if (end === -1 || end > limits.headMaxBytes) return refuse(talk, isLongLine(unread, limits) ? 414 : 431, now)
  const head = parseHead(unread.toString('latin1', 0, end), limits.headersMaxCount)
  if (typeof head === 'number') return refuse(talk, head, now)
  talk.unread = unread.subarray(end + END_OF_HEAD.length)
  if (talk.unread.length > 0) talk.startedAt = now
  if (head.contentLength > limits.bodyMaxBytes) return refuse(talk, 413, now)
  think(talk, now)
  const admitted = talk.admit(head)
  if (!(admitted instanceof Promise)) proceed(talk, head, admitted, now)
  else void admitted.then((ready) => goOn(talk, () => proceed(talk, head, ready, Date.now())))
  return true
}

function isLongLine(unread: Buffer, { headMaxBytes }: MetadataLimits): boolean {
  const end = unread.indexOf('\r\n')
  return end === -1 || end > headMaxBytes
}

function think(talk: Conversation, now: number): void {
  talk.phase = 'answering'
  talk.deadline = now + talk.answering.limits.requestTimeoutMs
}

function proceed(talk: Conversation, head: Head, admitted: Asked | Reply, now: number): void {
  if ('status' in admitted) {
    talk.lingers = head.contentLength > 0
    return send(talk, head, admitted, now)
  }
  if (head.contentLength === 0) return reply(talk, head, admitted, NOTHING, now)
  if (head.expectsContinue && talk.unread.length === 0) talk.socket.write(CONTINUE)
  talk.waiting = { head, asked: admitted }
  talk.deadline = talk.startedAt + talk.answering.limits.requestTimeoutMs
  talk.phase = 'reading'
}

/** @returns whether there was all that it takes */
function readBody(talk: Conversation, { head, asked }: NonNullable<Conversation['waiting']>, now: number): boolean {
  const { unread } = talk
  if (unread.length < head.contentLength) return false
  talk.unread = unread.subarray(head.contentLength)
  talk.waiting = undefined
  think(talk, now)
  reply(talk, head, asked, unread.subarray(0, head.contentLength), now)
  return true
}

function reply(talk: Conversation, head: Head, asked: Asked, body: Uint8Array, now: number): void {
  const ready = talk.answering.answer(asked, head.method, body, now)
  if (!(ready instanceof Promise)) send(talk, head, ready, now)
  else void ready.then((late) => goOn(talk, () => send(talk, head, late, Date.now())))
}

/** After something that was waited for. */
function goOn(talk: Conversation, step: () => void): void {
  if (talk.socket.destroyed) return
  step()
  read(talk, Date.now())
}

function refuse(talk: Conversation, status: number, now: number): true {
  talk.lingers = true
  send(talk, undefined, talk.answering.refusal(status), now)
  return true
}

/** @param head of the request; absent where it could not be read */
function send(talk: Conversation, head: Head | undefined, reply: Reply, now: number): void {
  const { socket, answering, finishing, lingers } = talk
  const isLast = !head?.keepAlive || lingers || finishing
  talk.phase = 'answering'
  talk.deadline = now + answering.limits.idleTimeoutMs
  const lines = `${reply.head}${dateLine(now)}${isLast ? 'Connection: close\r\n\r\n' : '\r\n'}`
  const body = head?.method === 'HEAD' ? NOTHING : reply.body
  // In one piece: were the head alone on its way, the kernel would hold back what is small after it.
  const slice = body.subarray(0, SLICE_BYTES)
  const bytes = Buffer.allocUnsafe(lines.length + slice.length)
  bytes.write(lines, 0, 'latin1')
  bytes.set(slice, lines.length)
  if (slice.length < body.length) return sendSlices(talk, reply, bytes, SLICE_BYTES, isLast)
  let isOut = false
  socket.write(bytes, (error) => {
    if (!isOut && !error) goOn(talk, () => done(talk, reply, isLast))
  })
  // Mostly the kernel takes it at once: then the next request need not wait for a turn of the loop.
  isOut = socket.writableLength === 0 && !socket.errored
  if (isOut) done(talk, reply, isLast)
}

/** @param next where in the body the slice after this one begins */
function sendSlices(talk: Conversation, reply: Reply, slice: Uint8Array, next: number, isLast: boolean): void {
  talk.socket.write(slice, (error) => {
    if (error) return
    talk.deadline = Date.now() + talk.answering.limits.idleTimeoutMs
    const following = reply.body.subarray(next, next + SLICE_BYTES)
    if (following.length > 0) sendSlices(talk, reply, following, next + SLICE_BYTES, isLast)
    else goOn(talk, () => done(talk, reply, isLast))
  })
}

function done(talk: Conversation, reply: Reply, isLast: boolean): void {
  talk.answering.sent(reply)
  talk.phase = isLast ? 'parting' : 'reading'
  // Within its own `write`, a stream does not like to be destroyed.
  if (isLast) process.nextTick(part, talk)
}

/** Everything was said. */
function part(talk: Conversation): void {
  const { socket } = talk
  talk.phase = 'parting'
  // Closed while something comes, the kernel tells the client to forget what it did not read yet.
  if (talk.lingers && !talk.ended) {
    talk.deadline = Date.now() + LINGER_MS
    socket.resume().end()
  } else if (socket.writableLength === 0) socket.destroy()
  else socket.destroySoon()
}
