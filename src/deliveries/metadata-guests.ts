import { METADATA_LAYOUTS } from '../layouts/index.ts'
import type { Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import type { ContextEvent } from '../model/events.ts'
import { listing, type FileEntry, type Files } from '../model/files.ts'
import type { ContextSource, Found } from './delivery.ts'
import { createBoundedCache } from './metadata-cache.ts'
import { newMark, type Fetch, type Mark } from './metadata-mark.ts'
import { replyOf, TEXT, type Reply } from './metadata-reply.ts'
import type { Place } from './metadata-routes.ts'

/** An answer that is kept, and what asking for it means. */
export interface Served {
  readonly reply: Reply
  readonly mark: Mark
  /** Absent for listings, which tell nothing of what a guest uses. */
  readonly access?: Omit<ContextEvent, 'at'>
  /** Of the user data only. */
  readonly fetch?: Fetch
}

/** An instance as the server knows it, in one revision. */
export interface Guest {
  readonly instanceId: string
  readonly revision: number
  readonly context: Context
  /** Of the user's bytes; `undefined` where there are none. */
  userDataSha256(): string | undefined
  /** Of the message that its cloud gave it in their place. */
  readonly wrappedSha256?: string
  /** As {@link Found.hasFormer}, as far as it was on record when this was read. */
  readonly hasFormer?: boolean
  /** The revision that it last fetched from us; `undefined` where none is known. */
  fetchedRevision(): number | undefined
  /** What is at the first of these places that has something. */
  serve(places: readonly Place[]): Served | undefined
}

/** All instances; those that asked lately are at hand. */
export interface Guests {
  /** What was served before of these places, at once. */
  served(instanceId: string, places: readonly Place[]): Served | undefined
  /** Asks the source where need be, once for all who wait for it. */
  load(instanceId: string): Promise<Guest | undefined>
  forget(instanceId: string): void
}

/** What was served in one revision, by canonical path. */
interface Shelf {
  readonly revision: number
  readonly served: Map<string, Served>
}

// Estimates of what objects cost beside the bytes that they hold.
const GUEST_BYTES = 3000
const FILE_BYTES = 250
const SHELF_BYTES = 350
const SERVED_BYTES = 550
const FETCH_BYTES = 300

/** Who fetched is kept for some hundred thousand, also when what they fetched is not. */
const FETCHES_MAX_BYTES = 32 * 1024 * 1024

/**
 * Renders each layout once per revision, when something of it is asked for. A boot asks for some twenty files within a second,
 * so whole trees are kept for the last few guests; the answers that were given, which are much less, for many.
 *
 * @param maxBytes for all that is kept
 */
export function createGuests({
  source,
  maxBytes,
}: {
  readonly source: ContextSource
  readonly maxBytes: number
}): Guests {
  const shelves = createBoundedCache<Shelf>(maxBytes * 0.75)
  const guests = createBoundedCache<Guest>(maxBytes * 0.25)
  const fetches = createBoundedCache<Fetch>(FETCHES_MAX_BYTES)
  const loading = new Map<string, Promise<Guest | undefined>>()

  /** What is on record adds to what we saw: the guest may have asked before we were started, or another node. */
  function fetchOf(instanceId: string, { revision, fetchedRevision }: Found): Fetch {
    const known = fetches.get(instanceId)
    const fetch: Fetch = known ?? (fetchedRevision === undefined ? {} : { revision: fetchedRevision })
    if (fetchedRevision === revision) fetch.revision = revision
    if (known === undefined) fetches.set(instanceId, fetch, FETCH_BYTES)
    return fetch
  }

  function keep(guest: Guest, served: Served, path: string): void {
    const { instanceId, revision } = guest
    const known = shelves.get(instanceId)
    const bytes = SERVED_BYTES + served.reply.body.length
    if (known?.revision === revision) {
      known.served.set(path, served)
      shelves.grow(instanceId, bytes)
    } else shelves.set(instanceId, { revision, served: new Map([[path, served]]) }, SHELF_BYTES + bytes)
  }

  async function find(instanceId: string): Promise<Guest | undefined> {
    const found = await source.find(instanceId)
    if (found === undefined) return undefined
    const guest: Guest = createGuest(instanceId, found, {
      rendered: (files) => guests.grow(instanceId, costOf(files)),
      served: (served, path) => {
        // After `forget`, an answer under way must not be kept for those who come later.
        if (guests.get(instanceId) === guest) keep(guest, served, path)
      },
      fetch: () => fetchOf(instanceId, found),
    })
    return guest
  }

  return {
    served(instanceId, places) {
      const shelf = shelves.get(instanceId)
      if (shelf === undefined) return undefined
      for (const { canonical } of places) {
        const served = shelf.served.get(canonical)
        if (served) return served
      }
      return undefined
    },

    async load(instanceId) {
      const known = guests.get(instanceId)
      if (known) return known
      const underWay = loading.get(instanceId)
      if (underWay) return await underWay
      const flight = find(instanceId)
      loading.set(instanceId, flight)
      try {
        const guest = await flight
        // Unless it was told to forget the instance meanwhile.
        if (guest && loading.get(instanceId) === flight)
          guests.set(instanceId, guest, GUEST_BYTES + sizeOf(guest.context))
        return guest
      } finally {
        if (loading.get(instanceId) === flight) loading.delete(instanceId)
      }
    },

    forget(instanceId) {
      loading.delete(instanceId)
      guests.delete(instanceId)
      shelves.delete(instanceId)
    },
  }
}

function createGuest(
  instanceId: string,
  { context, revision, hasFormer, wrappedSha256 }: Found,
  told: { rendered(files: Files): void; served(served: Served, path: string): void; fetch(): Fetch },
): Guest {
  const trees: (Files | undefined)[] = []
  let digest: string | undefined

  function treeOf(layout: number): Files {
    const known = trees[layout]
    if (known) return known
    const files = METADATA_LAYOUTS[layout]?.layout.render(context) ?? new Map<string, FileEntry>()
    trees[layout] = files
    told.rendered(files)
    return files
  }

  function userDataSha256(): string | undefined {
    digest ??= context.userData && sha256(context.userData)
    return digest
  }

  function accessTo({ bytes, role }: FileEntry, path: string): Omit<ContextEvent, 'at'> {
    const about = { instanceId, revision, source: 'metadata', evidence: 'access', method: 'metadata', path } as const
    // With its id a guest has found its source; where there are user data, these are the proof.
    const serves = role === 'instance-id' && context.userData === undefined ? ({ isServed: true } as const) : {}
    if (role !== 'user-data') return { ...about, kind: 'access', bytes: bytes.length, ...serves }
    // Not of the file: CIMI's has the user data in base64.
    const digest = userDataSha256()
    return { ...about, kind: 'fetched', bytes: context.userData?.length ?? 0, ...(digest ? { sha256: digest } : {}) }
  }

  function lookUp({ layout, path, canonical }: Place): Served | undefined {
    const files = treeOf(layout)
    const entry = files.get(path)
    if (entry) {
      const access = accessTo(entry, canonical)
      const fetch = access.kind === 'fetched' ? { fetch: told.fetch() } : {}
      return { reply: replyOf(200, typeOf(path), entry.bytes), access, mark: newMark(), ...fetch }
    }
    const names = listing(files, path)
    return names && { reply: replyOf(200, TEXT, names), mark: newMark() }
  }

  return {
    instanceId,
    revision,
    context,
    userDataSha256,
    ...(wrappedSha256 === undefined ? {} : { wrappedSha256 }),
    ...(hasFormer === undefined ? {} : { hasFormer }),
    fetchedRevision: () => told.fetch().revision,
    serve(places) {
      for (const place of places) {
        const served = lookUp(place)
        if (served === undefined) continue
        told.served(served, place.canonical)
        return served
      }
      return undefined
    },
  }
}

/** Nova gives this one as text, and clients of Nova have learned to live with it. */
const JSON_AS_TEXT = /\/network_data\.json$/

function typeOf(path: string): string {
  return path.endsWith('.json') && !JSON_AS_TEXT.test(path) ? 'application/json' : TEXT
}

function sizeOf({ userData, vendorData, files }: Context): number {
  return [userData, vendorData, ...files.map(({ bytes }) => bytes)].reduce(
    (sum, bytes) => sum + (bytes?.length ?? 0),
    0,
  )
}

function costOf(files: Files): number {
  const buffers = new Set([...files.values()].map(({ bytes }) => bytes))
  return [...buffers].reduce((sum, bytes) => sum + bytes.length, files.size * FILE_BYTES)
}
