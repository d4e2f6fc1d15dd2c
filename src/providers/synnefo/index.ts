import { isCloudError } from '../../model/errors.ts'
import { checkCall } from '../call.ts'
import type { Call, Provider } from '../provider.ts'
import { oneAtATime } from '../turns.ts'
import { learnAbilities, type SiteAbilities } from './abilities.ts'
import { CAPABILITIES } from './capabilities.ts'
import { makeServer, type Opened } from './creation.ts'
import { listFlavors } from './flavors.ts'
import { listImages } from './images.ts'
import { lentKeys } from './keys.ts'
import { cycladesNetworks } from './networks.ts'
import { ourIdOf, toRemoteInstance } from './server-state.ts'
import { cycladesServers } from './servers.ts'
import { authenticate, openSession, type Catalogue, type Site } from './session.ts'

/** What a Synnefo is reached with. */
export interface SynnefoOptions extends Site {
  /** The project that servers are charged to, by its UUID; absent: the account itself. */
  readonly project?: string
}

/**
 * A Synnefo (Okeanos is one), asked with the site's token: Astakos tells where its services are, Cyclades has the servers.
 *
 * @see Synnefo, API guide
 */
export function synnefoProvider(options: SynnefoOptions): Provider {
  const { name, http, project } = options
  const inTurn = oneAtATime()
  let catalogue: Catalogue | undefined
  let abilities: SiteAbilities | undefined

  /** Each asks for himself until one has been told: nobody's patience is another's. */
  async function open(call: Call): Promise<Opened> {
    checkCall(call, name)
    catalogue ??= await authenticate(options, call)
    const session = openSession(options, catalogue, call)
    return { session, servers: cycladesServers(session, name, call), keys: lentKeys(session, name) }
  }

  return {
    name,
    capabilities: CAPABILITIES,
    images: async (call) => await listImages((await open(call)).session, name),
    sizes: async (call) => await listFlavors((await open(call)).session, name),
    create: async (request, call) => {
      const opened = await open(call)
      abilities ??= await learnAbilities(opened.session)
      const creation = { name, abilities, inTurn, ...(project === undefined ? {} : { project }) }
      return toRemoteInstance(await makeServer(opened, request, creation))
    },
    find: async (ourId, call) => {
      const { servers, keys } = await open(call)
      const [server] = await servers.findAll(ourId)
      if (!server) return undefined
      // Whoever made it may have ended before he took its keys back.
      await keys.takeBack(ourId).catch(() => {})
      return toRemoteInstance(server)
    },
    get: async (remoteId, call) => toRemoteInstance(await (await open(call)).servers.get(remoteId)),
    list: async (call) => (await (await open(call)).servers.list()).map(toRemoteInstance),
    act: async (remoteId, action, call, method) => await (await open(call)).servers.act(remoteId, action, method),
    delete: async (remoteId, call) => {
      const { servers, keys } = await open(call)
      try {
        const ourId = ourIdOf(await servers.get(remoteId))
        // Before the server, which alone tells whose they are.
        if (ourId !== undefined) await keys.takeBack(ourId)
      } catch (error) {
        if (isCloudError(error, 'not-found')) return
        throw error
      }
      await servers.remove(remoteId)
    },
    discard: async (ourId, call, keep) => {
      const { servers, keys } = await open(call)
      for (const { id } of await servers.findAll(ourId)) if (String(id) !== keep) await servers.remove(String(id))
      await keys.takeBack(ourId)
    },
    networks: cycladesNetworks(open, name),
    close: () => http.close(),
  }
}
