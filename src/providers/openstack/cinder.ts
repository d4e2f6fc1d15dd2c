import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import { unlessGone } from '../outcome.ts'
import { allPages } from './pages.ts'
import type { Session } from './session.ts'
import { isOurs, ownFilter, ownMark, readVolume, readVolumes, type Volume } from './volume-state.ts'

/** From here on a volume may grow while a server has it, and messages can be asked for by what they are about. */
const GROWS_IN_USE = '3.42'

const NAME_MAX_CHARACTERS = 255
const MAX_REASON_CHARACTERS = 300
const OUR_SNAPSHOT = { bellhop: 'made-by-bellhop' } as const

const Snapshot = Type.Object({
  id: Type.String({ minLength: 1 }),
  status: Type.String(),
  volume_id: Type.String(),
  metadata: Type.Optional(Type.Object({ bellhop: Type.Optional(Type.String()) })),
})
/** A snapshot as Cinder shows it, as far as we look. */
type Snapshot = Static<typeof Snapshot>

const snapshot = Compile(Type.Object({ snapshot: Snapshot }))
const snapshots = Compile(
  Type.Object({
    snapshots: Type.Array(Snapshot),
    snapshots_links: Type.Optional(Type.Array(Type.Object({ rel: Type.String() }))),
  }),
)
const messages = Compile(
  Type.Object({ messages: Type.Array(Type.Object({ resource_uuid: Type.String(), user_message: Type.String() })) }),
)

/** Cinder's volumes and their snapshots, for the time of one call. It answers before it has done what it is asked. */
export interface Cinder {
  /** @throws {CloudError} not-found */
  readonly get: (id: string) => Promise<Volume>
  /** By our id; of several, as a lost answer may leave behind, the first made. */
  readonly find: (ourId: string) => Promise<Volume | undefined>
  /** @throws {CloudError} conflict when a quota is full; unavailable, timeout: it may be there */
  readonly create: (ourId: string, name: string, sizeGib: number) => Promise<Volume>
  /** Adds to what a volume is marked with. */
  readonly mark: (id: string, metadata: Readonly<Record<string, string>>) => Promise<void>
  /** @throws {CloudError} unsupported when it is in use and this cloud is too old for that */
  readonly extend: (volume: Volume, sizeGib: number) => Promise<void>
  /** @throws {CloudError} invalid when its state does not allow it */
  readonly delete: (id: string) => Promise<void>
  /** @returns the new snapshot's id */
  readonly snapshot: (volumeId: string) => Promise<string>
  /** @throws {CloudError} not-found */
  readonly snapshotStatus: (id: string) => Promise<string>
  /** The ids of those that Bellhop made. */
  readonly ownSnapshots: (volumeId: string) => Promise<readonly string[]>
  /** No error when it is gone. */
  readonly deleteSnapshot: (id: string) => Promise<void>
  /** What Cinder tells people of what last went wrong; else its word for the state. */
  readonly reason: (volume: Volume) => Promise<string>
}

/** @throws {CloudError} unsupported, at the first request, where the cloud has no Cinder @see Cinder, Block Storage API v3 */
export function cinderVolumes(session: Session, provider: string): Cinder {
  async function search(query: Readonly<Record<string, string>>): Promise<readonly Volume[]> {
    const what = `${provider}: list volumes`
    return await allPages(async (marker) => {
      const page = { ...query, ...(marker === undefined ? {} : { marker }) }
      const answer = await session.request('volume', { method: 'GET', path: '/volumes/detail', query: page })
      return readVolumes(answer.json(), what)
    }, what)
  }

  async function searchSnapshots(volumeId: string): Promise<readonly Snapshot[]> {
    const what = `${provider}: list snapshots`
    return await allPages(async (marker) => {
      const query = { volume_id: volumeId, ...(marker === undefined ? {} : { marker }) }
      const json = (await session.request('volume', { method: 'GET', path: '/snapshots/detail', query })).json()
      if (!snapshots.Check(json))
        throw new CloudError('provider-failed', `${what}: the answer is no list of snapshots as Cinder shows one`)
      return { items: json.snapshots, hasMore: json.snapshots_links?.some(({ rel }) => rel === 'next') === true }
    }, what)
  }

  return {
    get: async (id) => {
      const answer = await session.request('volume', { method: 'GET', path: volumePath(id) })
      return readVolume(answer.json(), `${provider}: volume ${id}`)
    },
    find: async (ourId) => {
      // A site may have switched this filter off: then Cinder lists all.
      const found = await search({ metadata: ownFilter(ourId) })
      const own = found.filter((volume) => isOurs(volume, ourId))
      return own.toSorted((a, b) => (a.created_at ?? '').localeCompare(b.created_at ?? ''))[0]
    },
    create: async (ourId, name, sizeGib) => {
      const volume = {
        size: sizeGib,
        name: Array.from(name).slice(0, NAME_MAX_CHARACTERS).join(''),
        metadata: ownMark(ourId),
      }
      const answer = await session.request('volume', { method: 'POST', path: '/volumes', json: { volume } })
      try {
        return readVolume(answer.json(), `${provider}: create`)
      } catch (cause) {
        // It is there, but nobody knows under which id: whoever asks next finds it.
        throw new CloudError('unavailable', `${provider}: the answer is no volume as Cinder shows one`, { cause })
      }
    },
    mark: async (id, metadata) => {
      const path = `${volumePath(id)}/metadata`
      await session.request('volume', { method: 'POST', path, json: { metadata }, isSafe: true })
    },
    extend: async ({ id, status }, sizeGib) => {
      await session.request('volume', {
        method: 'POST',
        path: `${volumePath(id)}/action`,
        json: { 'os-extend': { new_size: sizeGib } },
        ...(status === 'in-use' ? { microversion: GROWS_IN_USE } : {}),
      })
    },
    delete: async (id) => await unlessGone(session.request('volume', { method: 'DELETE', path: volumePath(id) })),
    snapshot: async (volumeId) => {
      // Forced, for it may be in use; before 3.66 that had to be said.
      const json = { snapshot: { volume_id: volumeId, force: true, metadata: OUR_SNAPSHOT } }
      const answer = (await session.request('volume', { method: 'POST', path: '/snapshots', json })).json()
      if (snapshot.Check(answer)) return answer.snapshot.id
      throw new CloudError('unavailable', `${provider}: the answer is no snapshot as Cinder shows one`)
    },
    snapshotStatus: async (id) => {
      const json = (await session.request('volume', { method: 'GET', path: snapshotPath(id) })).json()
      if (snapshot.Check(json)) return json.snapshot.status
      throw new CloudError('provider-failed', `${provider}: the answer is no snapshot as Cinder shows one`)
    },
    ownSnapshots: async (volumeId) => {
      const own = (await searchSnapshots(volumeId)).filter(
        ({ volume_id: of, metadata }) => of === volumeId && metadata?.bellhop === OUR_SNAPSHOT.bellhop,
      )
      return own.map(({ id }) => id)
    },
    deleteSnapshot: async (id) =>
      await unlessGone(session.request('volume', { method: 'DELETE', path: snapshotPath(id) })),
    reason: async ({ id, status }) => {
      const asIs = `Cinder calls it ${status}`
      try {
        const query = { resource_uuid: id }
        const request = { method: 'GET', path: '/messages', query, microversion: GROWS_IN_USE } as const
        const json = (await session.request('volume', request)).json()
        // The newest is the first.
        const said = messages.Check(json) && json.messages.find((each) => each.resource_uuid === id)?.user_message
        return said ? `${asIs}: ${said.slice(0, MAX_REASON_CHARACTERS)}` : asIs
      } catch {
        // Old clouds have none, and some sites show none.
        return asIs
      }
    },
  }
}

function volumePath(id: string): string {
  return `/volumes/${encodeURIComponent(id)}`
}

function snapshotPath(id: string): string {
  return `/snapshots/${encodeURIComponent(id)}`
}
