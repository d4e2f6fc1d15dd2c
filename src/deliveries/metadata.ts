import { Buffer } from 'node:buffer'
import type { ContextSource } from './delivery.ts'
import { createGuests, type Guest, type Served } from './metadata-guests.ts'
import { headerValue } from './metadata-headers.ts'
import { isDue } from './metadata-mark.ts'
import { passwordsInMemory, type PasswordSlots } from './metadata-password.ts'
import { bareReply, NOT_FOUND, replyOf, textReply, type Reply } from './metadata-reply.ts'
import { createReports } from './metadata-report.ts'
import { ALLOWED, createRoutes, type Route } from './metadata-routes.ts'
import { createSiteAnswers, type SiteContexts } from './metadata-sites.ts'
import { isSessionToken, SESSION_SECONDS, sessionToken } from './metadata-token.ts'

/** What guests may send, in bytes: reports are small. */
export const BODY_MAX_BYTES = 64 * 1024

/** Nova's limit for a password. */
const PASSWORD_MAX_BYTES = 1020

const DEFAULT_CACHE_MAX_BYTES = 256 * 1024 * 1024

/** A request as a carrier hands it on. */
export interface MetadataRequest {
  /** The instance that the listener's one way of knowing callers found. */
  readonly caller: string | undefined
  readonly method: string
  /** As it stands in the request line. */
  readonly path: string
  /** Names, in lower case, and values in turn. */
  readonly headers: readonly string[]
  /** A proxy of ours handed it on, with one `X-Forwarded-For`. */
  readonly throughProxy?: boolean
  /** Nobody but the guest itself can have sent it: it came by its own link, or over https. */
  readonly isSafe?: boolean
  readonly body?: Uint8Array
}

/** What a handler is made of. */
export interface MetadataHandlerOptions {
  readonly source: ContextSource
  /** Signs session tokens: the same on every node. */
  readonly secret: Uint8Array
  /** For what is rendered (default 256 MiB). */
  readonly cacheMaxBytes?: number
  /** Default: in memory. */
  readonly passwords?: PasswordSlots
  /** Default: none. */
  readonly siteContexts?: SiteContexts
}

/** The metadata server without its sockets. */
export interface MetadataHandler {
  /**
   * Answers one request; at once where the answer is at hand. HEAD is answered as GET is, but nothing is to be recorded: the
   * carrier leaves the body out.
   *
   * @param now milliseconds since the epoch
   */
  handle(request: MetadataRequest, now: number): Reply | Promise<Reply>
  /** Forgets what was rendered for the instance. */
  refresh(instanceId: string): void
  /** Forgets all of the instance. */
  forget(instanceId: string): Promise<void>
}

const TOKEN = 'x-aws-ec2-metadata-token'
const TOKEN_SECONDS = 'x-aws-ec2-metadata-token-ttl-seconds'

const BAD_TOKEN = bareReply(401)
const PROXIED = bareReply(403)
const CONFLICT = bareReply(409)
const TOO_LARGE = bareReply(413)
const PASSWORD_TYPE = 'text/html; charset=UTF-8'
const NOTHING = Buffer.alloc(0)
const PASSWORD_SET = replyOf(200, PASSWORD_TYPE, NOTHING)

/**
 * Tells guests what the layouts say of them, and hears what they have to say.
 *
 * Whoever is not known gets 404 for everything, and so does a known one for what there is not.
 */
export function createMetadataHandler({
  source,
  secret,
  cacheMaxBytes = DEFAULT_CACHE_MAX_BYTES,
  passwords = passwordsInMemory(),
  siteContexts,
}: MetadataHandlerOptions): MetadataHandler {
  const routes = createRoutes()
  const guests = createGuests({ source, maxBytes: cacheMaxBytes })
  const reports = createReports()
  const siteAnswer = createSiteAnswers(siteContexts)

  async function handleSlowly(request: MetadataRequest, route: Route, now: number): Promise<Reply> {
    const guest = request.caller === undefined ? undefined : await guests.load(request.caller)
    if (guest === undefined) return NOT_FOUND
    if (route.kind === 'site-context') return await siteAnswer(guest, route.name, request.method, now)
    // Of many who waited for the guest together, the first has served it.
    const served =
      'places' in route ? (guests.served(guest.instanceId, route.places) ?? guest.serve(route.places)) : undefined
    if (!exists(route, served)) return NOT_FOUND
    if (!ALLOWED[route.kind].includes(request.method)) return bareReply(405, { Allow: ALLOWED[route.kind].join(', ') })
    if (request.body && request.body.length > BODY_MAX_BYTES) return TOO_LARGE
    if (route.kind === 'session-token') return openSession(guest, request, now)
    if (route.kind === 'report') return reports.hear(guest, request.body ?? NOTHING, now, request.isSafe)
    if (route.kind === 'password') return await password(guest, request)
    return served ? toReply(served, request.method, now) : NOT_FOUND
  }

  function openSession({ instanceId }: Guest, { headers, throughProxy }: MetadataRequest, now: number): Reply {
    // As Amazon's: what an open proxy within the guest was talked into must not get a token.
    if (!throughProxy && headerValue(headers, 'x-forwarded-for') !== undefined) return PROXIED
    const text = headerValue(headers, TOKEN_SECONDS) ?? ''
    const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0
    if (seconds < SESSION_SECONDS.min || seconds > SESSION_SECONDS.max)
      return textReply(400, `${TOKEN_SECONDS}: ${SESSION_SECONDS.min} to ${SESSION_SECONDS.max} are expected`)
    return textReply(200, sessionToken(secret, instanceId, now + seconds * 1000), { [TOKEN_SECONDS]: text })
  }

  async function password({ instanceId }: Guest, { method, body }: MetadataRequest): Promise<Reply> {
    if (method !== 'POST') {
      return replyOf(200, PASSWORD_TYPE, (await passwords.get(instanceId)) ?? NOTHING)
    }
    if (body === undefined || body.length === 0) return textReply(400, 'the request has no body')
    if (body.length > PASSWORD_MAX_BYTES) return textReply(400, `the body is larger than ${PASSWORD_MAX_BYTES} bytes`)
    return (await passwords.set(instanceId, body)) ? PASSWORD_SET : CONFLICT
  }

  return {
    handle(request, now) {
      const { caller, method, path, headers } = request
      const route = routes(path)
      if (caller === undefined || route === undefined) return NOT_FOUND
      if (method === 'GET' || method === 'HEAD') {
        const token = headerValue(headers, TOKEN)
        if (token !== undefined && !isSessionToken(secret, caller, token, now)) return BAD_TOKEN
        const served = route.kind === 'files' ? guests.served(caller, route.places) : undefined
        if (served) return toReply(served, method, now)
      }
      return handleSlowly(request, route, now)
    },
    refresh: (instanceId) => guests.forget(instanceId),
    forget: async (instanceId) => {
      guests.forget(instanceId)
      await passwords.delete(instanceId)
    },
  }
}

/** A folder may list `password` without having it: the guest is to leave it there. */
function exists({ kind }: Route, served: Served | undefined): boolean {
  if (kind === 'files') return served !== undefined
  if (kind !== 'password') return true
  return served !== undefined && Buffer.from(served.reply.body).toString('latin1').split('\n').includes('password')
}

function toReply(served: Served, method: string, now: number): Reply {
  const { reply, access, mark, fetch } = served
  if (method === 'HEAD' || access === undefined || !isDue(mark, now)) return reply
  return { ...reply, event: { ...access, at: now }, mark, ...(fetch ? { fetch } : {}) }
}
