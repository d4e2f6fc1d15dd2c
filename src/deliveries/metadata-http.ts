import { isCloudError } from '../model/errors.ts'
import type { ContextSource, MetadataDelivery, Recorder } from './delivery.ts'
import { throughAgent } from './metadata-agent.ts'
import type { MaybeLater } from './metadata-asked.ts'
import type { Answering, MetadataLimits } from './metadata-connection.ts'
import { createIdentity, type Identity } from './metadata-identity.ts'
import { createCarrier } from './metadata-net.ts'
import { createPassOn, type PassOn } from './metadata-pass-on.ts'
import type { PasswordSlots } from './metadata-password.ts'
import { bareReply, NOT_FOUND, settle, type Reply } from './metadata-reply.ts'
import type { SiteContexts } from './metadata-sites.ts'
import { createSockets } from './metadata-sockets.ts'
import { BODY_MAX_BYTES, createMetadataHandler } from './metadata.ts'

const LIMITS: MetadataLimits = {
  headMaxBytes: 16 * 1024,
  headersMaxCount: 100,
  bodyMaxBytes: BODY_MAX_BYTES,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  connectionsMax: 16_384,
  drainMs: 5000,
}

/** One guest opens no more at a time. */
const CONNECTIONS_PER_SOCKET = 256

/** What a metadata server is made of. */
export interface MetadataServerOptions {
  readonly source: ContextSource
  readonly recorder: Recorder
  /** Signs session tokens and tokens in paths: the same on every node, and after restarts. */
  readonly secret: Uint8Array
  /** Told of faults of ours; never holds a guest's data. */
  readonly log: (line: string) => void
  /** Holds a socket for each instance that is offered (made with mode 0700). */
  readonly socketsDir?: string
  /** For what is rendered (default 256 MiB). */
  readonly cacheMaxBytes?: number
  /** Default: in memory. */
  readonly passwords?: PasswordSlots
  /** Default: none. */
  readonly siteContexts?: SiteContexts
  readonly limits?: Partial<MetadataLimits>
}

/** The metadata server. */
export interface MetadataServer extends MetadataDelivery {
  /**
   * Listens on the network as well; port 0 takes a free one.
   *
   * @returns where it listens
   * @throws {CloudError} invalid when the identity cannot be used as it is described
   */
  listen(at: {
    readonly host: string
    readonly port: number
    readonly identity: Identity
    /** Who answers guests that a signature vouches for and that are none of ours: the root of Nova's metadata service. */
    readonly novaUrl?: string
  }): Promise<{ readonly host: string; readonly port: number }>
  /** Takes no more requests, waits a little for answers under way, and removes the instances' sockets. */
  close(): Promise<void>
}

/**
 * Serves guests over TCP and over one Unix socket per instance.
 *
 * @example
 * const server = createMetadataServer({ source, recorder, secret, log, socketsDir: '/run/bellhop' })
 * const { socketPath } = await server.offer(instance.id)
 */
export function createMetadataServer(options: MetadataServerOptions): MetadataServer {
  const { recorder, secret, log, socketsDir } = options
  const limits = { ...LIMITS, ...options.limits }
  const handler = createMetadataHandler(options)
  const carrier = createCarrier(limits, log)
  const passers: PassOn[] = []

  function answeringFor(identity: Identity): Answering {
    const identifyPeer = createIdentity(identity, secret, log)
    return {
      limits,
      admit: (peer) => {
        const identify = identifyPeer(peer)
        return ({ method, target, headers }) =>
          guarded(method, () => {
            const asked = identify(target, headers)
            return asked instanceof Promise ? asked.then((found) => found ?? NOT_FOUND) : (asked ?? NOT_FOUND)
          })
      },
      answer: (asked, method, body, now) =>
        guarded(method, () => {
          const { caller, path, headers, throughProxy, isSafe = false } = asked
          const reply = handler.handle({ caller, method, path, headers, throughProxy, isSafe, body }, now)
          return reply instanceof Promise ? reply.then(hear) : hear(reply)
        }),
      refusal: (status) => bareReply(status),
      sent: (reply) => settle(reply, recorder),
    }
  }

  function hear(reply: Reply): Reply {
    if (reply.heard) recorder.record(reply.heard)
    return reply
  }

  function guarded<T>(method: string, work: () => MaybeLater<T>): MaybeLater<T | Reply> {
    const failed = (error: unknown): Reply => {
      if (isCloudError(error, 'unavailable')) {
        log(`metadata: ${method} ended with 503: ${error.message}`)
        return AWAY
      }
      log(`metadata: ${method} ended with 500: ${placeOf(error)}`)
      return bareReply(500)
    }
    try {
      const result = work()
      return result instanceof Promise ? result.catch(failed) : result
    } catch (error) {
      return failed(error)
    }
  }

  const sockets = createSockets(socketsDir, async (path, instanceId) => {
    const listener = await carrier.listen({ path }, CONNECTIONS_PER_SOCKET, answeringFor({ by: 'socket', instanceId }))
    // The guest is gone: there is nobody to wait for.
    return { close: () => listener.close(0) }
  })

  return {
    offer: (instanceId) => sockets.offer(instanceId),
    withdraw: async (instanceId) => {
      await sockets.withdraw(instanceId)
      await handler.forget(instanceId)
    },
    refresh: (instanceId) => handler.refresh(instanceId),
    listen: async ({ host, port, identity, novaUrl }) => {
      const passOn = novaUrl === undefined ? undefined : createPassOn({ url: novaUrl, log })
      if (passOn) passers.push(passOn)
      const answering = answeringFor(identity)
      const { address } = await carrier.listen(
        { host, port },
        limits.connectionsMax,
        identity.by === 'signature' ? throughAgent(answering, passOn) : answering,
      )
      return { host: address?.address ?? host, port: address?.port ?? port }
    },
    close: async () => {
      await carrier.close()
      for (const passOn of passers) await passOn.close()
    },
  }
}

/** Whoever knows what to tell does not say it now: guests that hear so come again, and 404 would end their asking. */
const AWAY = bareReply(503, { 'Retry-After': '1' })

/** Where something failed. Not its message: that may repeat what a guest is told. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return `${error.name}\n${(error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')}`
}
