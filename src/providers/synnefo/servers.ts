import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Action } from '../../model/instance.ts'
import { pollUntil } from '../polling.ts'
import type { Call } from '../provider.ts'
import { isGoing, ourIdOf, readServer, readServers, type Server } from './server-state.ts'
import type { Session } from './session.ts'

/** Cyclades' servers, for the time of one call. */
export interface Servers {
  readonly create: (body: object) => Promise<Server>
  /** @throws {CloudError} not-found, for one that is deleted too */
  readonly get: (remoteId: string) => Promise<Server>
  /** Those that bear our id, the one that was made first at the beginning. */
  readonly findAll: (ourId: string) => Promise<readonly Server[]>
  /** Those that Bellhop made. */
  readonly list: () => Promise<readonly Server[]>
  /** Does it, and waits until it is done. @throws {CloudError} conflict when the state does not allow it */
  readonly act: (remoteId: string, action: Action, method: string | undefined) => Promise<void>
  /** Deletes it, and waits until it is gone; what is gone is no error. @throws {CloudError} conflict where it stays busy */
  readonly remove: (remoteId: string) => Promise<void>
}

/** In milliseconds. */
const PACE = { firstPauseMs: 100, longestPauseMs: 5000 }

/** @see Synnefo, Compute API: Servers */
export function cycladesServers(session: Session, provider: string, call: Call): Servers {
  async function get(remoteId: string): Promise<Server> {
    const json = (await session.request('compute', { method: 'GET', path: pathOf(remoteId) })).json()
    const server = readServer(json)
    if (!server)
      throw new CloudError('provider-failed', `${provider}: server ${remoteId} is none as Cyclades shows one`)
    // It is shown for ever.
    if (server.status === 'DELETED') throw new CloudError('not-found', `server ${remoteId} is deleted`)
    return server
  }

  async function list(): Promise<readonly Server[]> {
    const answer = await session.request('compute', { method: 'GET', path: '/servers/detail' })
    const servers = readServers(answer.json(), `${provider}: list servers`)
    return servers.filter((server) => ourIdOf(server) !== undefined && server.status !== 'DELETED')
  }

  return {
    create: async (body) => {
      const answer = await session.request('compute', { method: 'POST', path: '/servers', json: body })
      const server = readServer(answer.json())
      if (server) return server
      // It is there, but nobody knows under which id: whoever asks next finds it by ours.
      throw new CloudError('unavailable', `${provider}: create: the answer has no server as Cyclades shows one`)
    },
    get,
    findAll: async (ourId) =>
      (await list()).filter((server) => ourIdOf(server) === ourId).toSorted((a, b) => a.id - b.id),
    list,
    act: async (remoteId, action, method) => {
      const what = `${provider}: ${action} ${remoteId}`
      const body = actionBody(await get(remoteId), action, method)
      await session.request('compute', { method: 'POST', path: `${pathOf(remoteId)}/action`, json: body })
      await pollUntil(
        call,
        what,
        async () => {
          const server = await get(remoteId)
          return (server['SNF:task_state'] ?? '') === '' && server.status !== 'REBOOT' ? true : undefined
        },
        PACE,
      )
    },
    remove: async (remoteId) => {
      let refused: CloudError | undefined
      const look = async (): Promise<true | undefined> => {
        try {
          if (!isGoing(await get(remoteId)))
            await session.request('compute', { method: 'DELETE', path: pathOf(remoteId) })
        } catch (error) {
          if (isCloudError(error, 'not-found')) return true
          // Right after it was made it cannot be deleted yet.
          if (!isCloudError(error, 'conflict')) throw error
          refused = error
        }
        return undefined
      }
      await pollUntil(call, `${provider}: delete ${remoteId}`, look, { ...PACE, last: () => refused })
    },
  }
}

/** Synnefo numbers its servers; of anything else it says that the question is wrong. @throws {CloudError} not-found */
function pathOf(remoteId: string): string {
  if (/^\d{1,15}$/.test(remoteId)) return `/servers/${remoteId}`
  throw new CloudError('not-found', `there is no server ${remoteId.slice(0, 50)}`)
}

/**
 * What a server is asked for. Synnefo would start a stopped one that is to be restarted.
 *
 * @throws {CloudError} conflict when the state does not allow it; unsupported
 * @see Synnefo, Compute API: Server actions
 */
function actionBody({ id, status }: Server, action: Action, method: string | undefined): object {
  const need = (wanted: string, body: object): object => {
    if (status === wanted) return body
    throw new CloudError('conflict', `server ${id} is ${status}; it must be ${wanted} to ${action}`)
  }
  switch (action) {
    case 'start':
      return need('STOPPED', { start: {} })
    case 'stop':
      return need('ACTIVE', { shutdown: {} })
    case 'restart':
      return need('ACTIVE', { reboot: { type: method === 'cold' ? 'HARD' : 'SOFT' } })
    case 'suspend':
    case 'resume':
    default:
      throw new CloudError('unsupported', `server ${id}: Synnefo has no ${action} for users`)
  }
}
