import { createMetadataServer } from '../deliveries/metadata-http.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import { FRESHNESS, type Freshness, type GuestRecords } from './guest-records.ts'
import { createRecordSource, guestOf, type SeatedGuest } from './record-source.ts'

/** Where guests of one network ask. Their addresses are its own, so that two networks may have the same ones. */
export interface NetworkListener {
  readonly network: string
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Addresses or networks whose `X-Forwarded-For` counts (default: nobody's). */
  readonly trustedProxies?: readonly string[]
}

/** A front end, and the networks whose guests are answered. */
interface FrontEnd {
  /** A word without blanks. */
  readonly name: string
  readonly records: GuestRecords
  readonly listeners: readonly NetworkListener[]
}

/** What is served, and how. */
interface MetadataFromOptions {
  readonly frontEnds: readonly FrontEnd[]
  /** Signs the tokens of sessions: the same after restarts, and in every process that answers the same guests. */
  readonly secret: Uint8Array
  readonly freshness?: Partial<Freshness>
  /** Told of what guests did (default: nobody is). */
  readonly seen?: (guest: SeatedGuest, event: Pick<ContextEvent, 'kind' | 'path' | 'bytes'>) => void
  /** Told what an operator should mend. */
  readonly log: (line: string) => void
}

/** A metadata server that runs. */
interface MetadataFrom {
  readonly listeners: readonly (NetworkListener & { readonly frontEnd: string })[]
  /** Answers what is under way, then ends. */
  close(): Promise<void>
}

/**
 * Answers guests of clouds that are not ours, from what their front ends know of them.
 *
 * @throws {CloudError} invalid when two front ends have one name, or a proxy is no address; unavailable when it cannot listen
 */
export async function serveMetadataFrom(options: MetadataFromOptions): Promise<MetadataFrom> {
  const { frontEnds, secret, seen, log } = options
  const freshness = { ...FRESHNESS, ...options.freshness }
  const names = new Set(frontEnds.map(({ name }) => name))
  if (names.size < frontEnds.length) throw new CloudError('invalid', 'two front ends have the same name')
  await using opened = new AsyncDisposableStack()
  const sources = new Map(
    frontEnds.map(({ name, records, listeners }) => {
      const networks = [...new Set(listeners.map(({ network }) => network))]
      const source = createRecordSource({ name, records, networks, freshness, server: () => server, log })
      opened.defer(() => source.close())
      return [name, source] as const
    }),
  )
  const server = createMetadataServer({
    source: { find: async (caller) => await sources.get(guestOf(caller).frontEnd)?.find(caller) },
    recorder: { record: (event) => seen?.(guestOf(event.instanceId), event) },
    secret,
    log,
  })
  opened.defer(() => server.close())
  const listening: MetadataFrom['listeners'][number][] = []
  for (const { name, listeners } of frontEnds)
    for (const listener of listeners) {
      const find = sources.get(name)?.finder(listener.network) ?? (() => undefined)
      const { trustedProxies } = listener
      const identity = { by: 'address', find, ...(trustedProxies ? { trustedProxies } : {}) } as const
      const at = await server.listen({ ...listener, identity }).catch((cause: unknown) => {
        if (cause instanceof CloudError) throw cause
        throw new CloudError(
          'unavailable',
          `cannot listen on ${listener.host}:${listener.port} for network ${listener.network}: ${reasonOf(cause)}`,
          { cause },
        )
      })
      listening.push({ ...listener, ...at, frontEnd: name })
    }
  const closing = opened.move()
  return { listeners: listening, close: () => closing.disposeAsync() }
}
