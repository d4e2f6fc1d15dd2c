import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Action } from '../../model/instance.ts'
import { unlessGone } from './faults.ts'
import { allPages } from './pages.ts'
import { hasTags, tagFor } from './server-body.ts'
import { ourIdOf, readServer, readServers, type Server } from './server-state.ts'
import type { ServiceRequest, Session } from './session.ts'

/** Nova's servers, for the time of one call. */
export interface Servers {
  readonly create: (body: object) => Promise<Server>
  /** @throws {CloudError} not-found */
  readonly get: (id: string) => Promise<Server>
  /** By our id; those that are just being deleted are there. */
  readonly find: (ourId: string) => Promise<Server | undefined>
  /** Those that Bellhop made. */
  readonly list: () => Promise<readonly Server[]>
  /** @throws {CloudError} conflict when the state does not allow it */
  readonly act: (server: Server, action: Action, method?: string) => Promise<void>
  /** No error when it is gone. */
  readonly delete: (id: string) => Promise<void>
  /** Everything that the console still has; empty where there is nothing yet. @throws {CloudError} unsupported, not-found */
  readonly console: (id: string) => Promise<string>
  /** The same key under the same name again is no error. */
  readonly createKey: (name: string, publicKey: string) => Promise<void>
  /** No error when it is gone. */
  readonly deleteKey: (name: string) => Promise<void>
}

const created = Compile(Type.Object({ server: Type.Object({ id: Type.String({ minLength: 1 }) }) }))
const output = Compile(Type.Object({ output: Type.Union([Type.String(), Type.Null()]) }))

/** @param minor of the microversion: 90 for 2.90 @see Nova, Compute API */
export function novaServers(session: Session, provider: string, minor: number): Servers {
  const ask = (request: ServiceRequest) => session.request('compute', { ...request, microversion: `2.${minor}` })

  async function get(id: string): Promise<Server> {
    const answer = await ask({ method: 'GET', path: serverPath(id) })
    return readServer(answer.json(), `${provider}: server ${id}`)
  }

  async function search(query: Readonly<Record<string, string>>): Promise<readonly Server[]> {
    const what = `${provider}: list servers`
    return await allPages(async (marker) => {
      const page = { ...query, ...(marker === undefined ? {} : { marker }) }
      const answer = await ask({ method: 'GET', path: '/servers/detail', query: page })
      const { servers, hasMore } = readServers(answer.json(), what)
      return { items: servers, hasMore }
    }, what)
  }

  return {
    create: async (body) => {
      const json = (await ask({ method: 'POST', path: '/servers', json: body })).json()
      // It is there, but nobody knows under which id: whoever asks next finds it by its tag.
      if (!created.Check(json))
        throw new CloudError('unavailable', `${provider}: create: the answer has no server's id`)
      try {
        return await get(json.server.id)
      } catch (cause) {
        throw new CloudError('unavailable', `${provider}: server ${json.server.id} was made, but cannot be seen`, {
          cause,
        })
      }
    },
    get,
    find: async (ourId) => {
      // In a name it is at the end; Nova takes a regular expression.
      const query = hasTags(minor) ? { tags: tagFor(ourId) } : { name: `${tagFor(ourId)}$` }
      const found = (await search(query)).filter((server) => ourIdOf(server) === ourId)
      return found.find(({ status }) => status !== 'DELETED' && status !== 'SOFT_DELETED')
    },
    list: async () => (await search({})).filter((server) => ourIdOf(server) !== undefined),
    act: async (server, action, method) => {
      // Until the scheduler has placed a server, Nova answers actions with 404.
      if (server.status === 'BUILD')
        throw new CloudError('conflict', `server ${server.id} is still being made; try again in a moment`)
      await ask({ method: 'POST', path: `${serverPath(server.id)}/action`, json: actionBody(server, action, method) })
    },
    delete: async (id) => await unlessGone(ask({ method: 'DELETE', path: serverPath(id) })),
    console: async (id) => {
      try {
        const answer = await ask({
          method: 'POST',
          path: `${serverPath(id)}/action`,
          json: { 'os-getConsoleOutput': { length: null } },
          isSafe: true,
        })
        const json = answer.json()
        return output.Check(json) ? (json.output ?? '') : ''
      } catch (error) {
        // While a server is being made, Nova answers with either; one that is not there is not there for GET too.
        if (!isCloudError(error, 'conflict') && !isCloudError(error, 'not-found')) throw error
        await get(id)
        return ''
      }
    },
    createKey: async (name, publicKey) => {
      const type = minor >= 2 ? { type: 'ssh' } : {}
      await ask({
        method: 'POST',
        path: '/os-keypairs',
        json: { keypair: { name, public_key: publicKey, ...type } },
        accepts: [409],
        isSafe: true,
      })
    },
    deleteKey: async (name) =>
      await unlessGone(ask({ method: 'DELETE', path: `/os-keypairs/${encodeURIComponent(name)}` })),
  }
}

function serverPath(id: string): string {
  return `/servers/${encodeURIComponent(id)}`
}

/** @see Nova, Compute API: Servers - run an action */
function actionBody({ status }: Server, action: Action, method: string | undefined): object {
  const isHard = method === 'cold' || method === 'poweroff'
  switch (action) {
    case 'start':
      return { 'os-start': null }
    case 'stop':
      return { 'os-stop': null }
    case 'restart':
      return { reboot: { type: isHard ? 'HARD' : 'SOFT' } }
    case 'suspend':
      return { suspend: null }
    case 'resume':
    default:
      return status === 'PAUSED' ? { unpause: null } : { resume: null }
  }
}
