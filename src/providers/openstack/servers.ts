import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Action } from '../../model/instance.ts'
import { unlessGone } from '../outcome.ts'
import { allPages } from './pages.ts'
import { encodeUserData, hasTags, tagFor } from './server-body.ts'
import { ourIdOf, readServer, readServers, type Server } from './server-state.ts'
import type { ServiceRequest, Session } from './session.ts'

/** Nova's servers, for the time of one call. */
export interface Servers {
  /** @param spoken minor number of another microversion, for this alone */
  readonly create: (body: object, spoken?: number) => Promise<Server>
  /** @throws {CloudError} not-found */
  readonly get: (id: string) => Promise<Server>
  /** By our id; those that are just being deleted are there. */
  readonly find: (ourId: string) => Promise<Server | undefined>
  /** As `find`; one that was made twice is there twice. */
  readonly findAll: (ourId: string) => Promise<readonly Server[]>
  /** Those that Bellhop made. */
  readonly list: () => Promise<readonly Server[]>
  /** @throws {CloudError} conflict when the state does not allow it */
  readonly act: (server: Server, action: Action, method?: string) => Promise<void>
  /**
   * Begins its disk anew from the image, with these user data; without any where they are absent.
   *
   * @throws {CloudError} conflict when the state does not allow it
   */
  readonly rebuild: (id: string, imageId: string, userData: Uint8Array | undefined) => Promise<void>
  /** No error when it is gone. */
  readonly delete: (id: string) => Promise<void>
  /** Everything that the console still has; empty where there is nothing yet. @throws {CloudError} unsupported, not-found */
  readonly console: (id: string) => Promise<string>
}

/** From this version on a rebuild may bring user data. @see Nova, REST API Version History */
const USER_DATA_IN_REBUILD = 57

const created = Compile(Type.Object({ server: Type.Object({ id: Type.String({ minLength: 1 }) }) }))
const output = Compile(Type.Object({ output: Type.Union([Type.String(), Type.Null()]) }))

/** @param minor of the microversion: 90 for 2.90 @see Nova, Compute API */
export function novaServers(session: Session, provider: string, minor: number): Servers {
  const ask = (request: ServiceRequest, spoken = minor) =>
    session.request('compute', { ...request, microversion: `2.${spoken}` })

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

  async function findAll(ourId: string): Promise<readonly Server[]> {
    // In a name it is at the end; Nova takes a regular expression.
    const query = hasTags(minor) ? { tags: tagFor(ourId) } : { name: `${tagFor(ourId)}$` }
    return (await search(query)).filter(
      (server) => ourIdOf(server) === ourId && server.status !== 'DELETED' && server.status !== 'SOFT_DELETED',
    )
  }

  return {
    create: async (body, spoken) => {
      const json = (await ask({ method: 'POST', path: '/servers', json: body }, spoken)).json()
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
    // Of several it is the one that was made first, however late another came through.
    find: async (ourId) => (await findAll(ourId)).at(-1),
    findAll,
    list: async () => (await search({})).filter((server) => ourIdOf(server) !== undefined),
    act: async (server, action, method) => {
      // Until the scheduler has placed a server, Nova answers actions with 404.
      if (server.status === 'BUILD')
        throw new CloudError('conflict', `server ${server.id} is still being made; try again in a moment`)
      await ask({ method: 'POST', path: `${serverPath(server.id)}/action`, json: actionBody(server, action, method) })
    },
    rebuild: async (id, imageId, userData) => {
      if (minor < USER_DATA_IN_REBUILD)
        throw new CloudError(
          'unsupported',
          `${provider}: a rebuild takes no user data here: Nova speaks 2.${minor}, and needs 2.${USER_DATA_IN_REBUILD}`,
        )
      const rebuild = { imageRef: imageId, user_data: userData ? encodeUserData(userData) : null }
      // Its answer has the user data: it is not looked at.
      await ask({ method: 'POST', path: `${serverPath(id)}/action`, json: { rebuild } })
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
