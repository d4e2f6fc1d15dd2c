import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { VolumeState } from '../../model/volume.ts'
import type { RemoteVolume } from '../provider.ts'

/** Cinder counts in these. */
const BYTES_PER_GIB = 1024 ** 3

/** Keys of a volume's metadata. Its name stays the user's own. */
const OUR_ID = 'bellhop'
const LINK_ID = 'bellhop_link'

const Volume = Type.Object({
  id: Type.String({ minLength: 1 }),
  status: Type.String(),
  size: Type.Integer({ minimum: 0 }),
  created_at: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  metadata: Type.Optional(
    Type.Object({ [OUR_ID]: Type.Optional(Type.String()), [LINK_ID]: Type.Optional(Type.String()) }),
  ),
  attachments: Type.Optional(Type.Array(Type.Object({ server_id: Type.String() }))),
})

/** A volume as Cinder shows it, as far as we look. */
export type Volume = Static<typeof Volume>

const one = Compile(Type.Object({ volume: Volume }))
const many = Compile(
  Type.Object({
    volumes: Type.Array(Volume),
    volumes_links: Type.Optional(Type.Array(Type.Object({ rel: Type.String() }))),
  }),
)

/** @throws {CloudError} provider-failed when it is no volume as Cinder shows one */
export function readVolume(json: unknown, what: string): Volume {
  if (one.Check(json)) return json.volume
  throw new CloudError('provider-failed', `${what}: the answer is no volume as Cinder shows one`)
}

/** @throws {CloudError} provider-failed when it is no list of volumes as Cinder shows one */
export function readVolumes(
  json: unknown,
  what: string,
): { readonly items: readonly Volume[]; readonly hasMore: boolean } {
  if (many.Check(json))
    return { items: json.volumes, hasMore: json.volumes_links?.some(({ rel }) => rel === 'next') === true }
  throw new CloudError('provider-failed', `${what}: the answer is no list of volumes as Cinder shows one`)
}

/**
 * What a state of Cinder's is in our words; every other is unknown. One that is busy for a moment is online: whoever
 * attaches it then is told to wait.
 *
 * @see Cinder, Block Storage API v3: Volumes; cinder/objects/fields.py: VolumeStatus
 */
const STATES: Readonly<Record<string, VolumeState>> = {
  creating: 'creating',
  downloading: 'creating',
  managing: 'creating',
  available: 'online',
  reserved: 'online',
  attaching: 'online',
  'in-use': 'online',
  detaching: 'online',
  extending: 'online',
  retyping: 'online',
  uploading: 'online',
  'backing-up': 'online',
  maintenance: 'offline',
  'restoring-backup': 'offline',
  'awaiting-transfer': 'offline',
  deleting: 'deleting',
  error: 'error',
  error_deleting: 'error',
  error_managing: 'error',
  error_restoring: 'error',
  error_extending: 'error',
  'error_backing-up': 'error',
}

/** What a volume's state is in our words. */
export function stateOf({ status }: Pick<Volume, 'status'>): VolumeState {
  return Object.hasOwn(STATES, status) ? (STATES[status] ?? 'unknown') : 'unknown'
}

/** A volume as the rest of Bellhop sees it. @param reason why it is in error */
export function toRemoteVolume(volume: Volume, reason?: string): RemoteVolume {
  const ourId = volume.metadata?.[OUR_ID]
  return {
    remoteId: volume.id,
    ...(ourId === undefined ? {} : { ourId }),
    state: stateOf(volume),
    ...(reason === undefined ? {} : { reason }),
    sizeBytes: sizeBytesOf(volume),
  }
}

/** In bytes. */
export function sizeBytesOf({ size }: Pick<Volume, 'size'>): number {
  return size * BYTES_PER_GIB
}

/** The smallest size of Cinder's, in whole GiB, that has room for so many bytes. */
export function toGib(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BYTES_PER_GIB)
}

/** Whether it was made with this id of ours. */
export function isOurs({ metadata }: Volume, ourId: string): boolean {
  return metadata?.[OUR_ID] === ourId
}

/** The link by which Bellhop attached it last; it says nothing of whether it still is attached. */
export function lastLinkOf({ metadata }: Volume): string | undefined {
  return metadata?.[LINK_ID]
}

/** What Cinder lists those by that were made with this id of ours; a dictionary as Python writes one. */
export function ownFilter(ourId: string): string {
  return `{'${OUR_ID}': '${ourId}'}`
}

/** What a volume is marked with from its creation on. */
export function ownMark(ourId: string): Readonly<Record<string, string>> {
  return { [OUR_ID]: ourId }
}

/** What a volume is marked with before it is attached: Nova keeps nothing with an attachment. */
export function linkMark(linkId: string): Readonly<Record<string, string>> {
  return { [LINK_ID]: linkId }
}
