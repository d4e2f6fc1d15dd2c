import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Attached, VolumeAttachment } from '../provider.ts'
import { cinderVolumes } from './cinder.ts'
import { unlessGone } from '../outcome.ts'
import type { Server } from './server-state.ts'
import type { Session } from './session.ts'
import { lastLinkOf, linkMark, type Volume } from './volume-state.ts'

const listed = Compile(
  Type.Object({
    volumeAttachments: Type.Array(
      Type.Object({ volumeId: Type.String(), device: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
    ),
  }),
)

/** Which volumes a server has, by Nova. It answers before it has done what it is asked. */
export interface NovaAttachments {
  /** The devices of all volumes of a server, by the volume's id; none where there is no such server. */
  readonly of: (serverId: string) => Promise<ReadonlyMap<string, string | undefined>>
  /** @throws {CloudError} conflict when a state does not allow it; not-found */
  readonly attach: (serverId: string, volumeId: string) => Promise<void>
  /** No error when it is not there. @throws {CloudError} conflict when a state does not allow it */
  readonly detach: (serverId: string, volumeId: string) => Promise<void>
}

/** @see Nova, Compute API: Servers with volume attachments */
export function novaAttachments(session: Session, provider: string): NovaAttachments {
  return {
    of: async (serverId) => {
      try {
        const json = (await session.request('compute', { method: 'GET', path: pathOf(serverId) })).json()
        if (listed.Check(json))
          return new Map(json.volumeAttachments.map(({ volumeId, device }) => [volumeId, deviceName(device)]))
      } catch (error) {
        if (!isCloudError(error, 'not-found')) throw error
        return new Map()
      }
      throw new CloudError('provider-failed', `${provider}: the answer is no list of attachments as Nova shows one`)
    },
    attach: async (serverId, volumeId) => {
      const json = { volumeAttachment: { volumeId } }
      await stateConflicts(session.request('compute', { method: 'POST', path: pathOf(serverId), json }))
    },
    detach: async (serverId, volumeId) => {
      const path = `${pathOf(serverId)}/${encodeURIComponent(volumeId)}`
      await stateConflicts(unlessGone(session.request('compute', { method: 'DELETE', path })))
    },
  }
}

/** Cinder and Nova say 400 where a volume's state does not allow what is asked. */
export async function stateConflicts<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (isCloudError(error, 'invalid')) throw new CloudError('conflict', error.message, { cause: error })
    throw error
  }
}

/** @throws {CloudError} conflict, saying why, when it cannot be attached now */
export function requireAvailable({ id, status, attachments = [] }: Volume): void {
  if (status === 'available') return
  const holders = attachments.map(({ server_id: server }) => server).join(', ')
  throw new CloudError(
    'conflict',
    holders === ''
      ? `volume ${id} cannot be attached while Cinder calls it ${status}`
      : `server ${holders} has volume ${id}; take it away from there first`,
  )
}

/**
 * Makes volumes ready for a server that is just about to be made with them: Nova attaches them before its first boot, and
 * the whole server fails where it cannot.
 *
 * @throws {CloudError} not-found; conflict when one is not free or asked for twice; unsupported where there is no Cinder
 */
export async function prepareForBoot(
  session: Session,
  provider: string,
  wanted: readonly VolumeAttachment[],
): Promise<void> {
  const ids = wanted.map(({ volumeRemoteId }) => volumeRemoteId)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) throw new CloudError('conflict', `volume ${twice} is asked for twice`)
  const cinder = cinderVolumes(session, provider)
  for (const id of ids) requireAvailable(await cinder.get(id))
  for (const { volumeRemoteId, linkId } of wanted) await cinder.mark(volumeRemoteId, linkMark(linkId))
}

/** What became of the volumes that Bellhop attached to a server. */
export async function attachedVolumes(
  session: Session,
  provider: string,
  server: Server,
): Promise<readonly Attached[]> {
  const shown = server['os-extended-volumes:volumes_attached'] ?? []
  if (shown.length === 0 || !session.has('volume')) return []
  const cinder = cinderVolumes(session, provider)
  const devices = await novaAttachments(session, provider).of(server.id)
  const all = await Promise.all(
    shown.map(async ({ id }): Promise<readonly Attached[]> => {
      try {
        const linkId = lastLinkOf(await cinder.get(id))
        return linkId === undefined ? [] : [toAttachedVolume(linkId, devices.get(id))]
      } catch (error) {
        if (!isCloudError(error, 'not-found')) throw error
        return []
      }
    }),
  )
  return all.flat()
}

/** What became of one volume. @param device as far as Nova knows it */
export function toAttachedVolume(linkId: string, device: string | undefined): Attached {
  return { linkId, ...(device === undefined ? {} : { device }) }
}

function pathOf(serverId: string): string {
  return `/servers/${encodeURIComponent(serverId)}/os-volume_attachments`
}

function deviceName(device: string | null | undefined): string | undefined {
  return device ? device.replace(/^\/dev\//, '') : undefined
}
