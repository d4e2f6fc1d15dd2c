import { CloudError, isCloudError } from '../../model/errors.ts'
import type { HttpClient } from '../../wire/http.ts'
import type { Call, CreateRequest, Provider, RemoteInstance } from '../provider.ts'
import { keystoneCallers } from './callers.ts'
import { CAPABILITIES, INJECTION_LIMITS } from './capabilities.ts'
import { instanceCards } from './cards.ts'
import type { CloudSettings } from './clouds-settings.ts'
import { consoleWindows } from './console-window.ts'
import { discardAll, makeServer, unseen, type Opened } from './creation.ts'
import { listFlavors } from './flavors.ts'
import { createIdentity } from './identity.ts'
import { deleteImage, listImages, saveImage } from './images.ts'
import { lentKeys } from './keys.ts'
import { removeLeftovers } from './leftovers.ts'
import { chooseMicroversions, type Microversions } from './microversion.ts'
import { neutronNetworks } from './networks.ts'
import { pollUntil } from '../polling.ts'
import { networkOf } from './server-network.ts'
import { ourIdOf, toRemoteInstance, type Server } from './server-state.ts'
import { novaServers } from './servers.ts'
import type { Session } from './session.ts'
import { attachedVolumes } from './volume-attachments.ts'
import { cinderGroup } from './volumes.ts'

/** What an OpenStack cloud is reached with. */
export interface OpenStackOptions {
  /** The provider's name; prefix of its images' and sizes' names. */
  readonly name: string
  readonly settings: CloudSettings
  readonly http: HttpClient
  /** Callers come with their own tokens; absent: the credential of the settings is used for all. */
  readonly rights?: 'caller'
  /** Whether the site asks us for vendor data, by which a guest gets all its files and keys (default false). */
  readonly hasVendordata?: boolean
}

// What a crash left is looked for so often, once it is so old that nothing can still be made of it.
const CLEAN_EVERY_MS = 600_000
const LEFTOVER_MS = 3_600_000

/**
 * An OpenStack cloud: Keystone, Nova, Glance and Neutron, asked with the site's credential or the caller's own token.
 *
 * @see OpenStack API documentation: Identity v3, Compute 2.1 to 2.90, Image v2, Networking v2
 */
export function openStackProvider(options: OpenStackOptions): Provider {
  const { name, settings, http, rights, hasVendordata = false } = options
  const identity = createIdentity({ name, settings, http })
  const consoles = consoleWindows()
  let versions: Microversions | undefined
  let cleanedAt = Date.now()
  let cleaning: Promise<void> | undefined
  const closing = new AbortController()
  // Keys that are gone already; whether one is there cannot be seen from its server.
  const returned = new Set<string>()

  /** Each asks for himself until one has been told: nobody's token, and nobody's patience, is another's. */
  async function openOnce(call: Call): Promise<Opened> {
    const session = await identity.session(call)
    versions ??= await chooseMicroversions(session, name, settings.computeMicroversion)
    const { spoken } = versions
    return { session, servers: novaServers(session, name, spoken), keys: lentKeys(session, spoken), versions }
  }

  async function open(call: Call): Promise<Opened> {
    checkCall(call)
    const opened = await openOnce(call)
    if (!call.credential && Date.now() - cleanedAt >= CLEAN_EVERY_MS) cleaning ??= clean()
    return opened
  }

  /** Beside whatever is asked for: nobody waits for it, and nobody is told when it fails, for it is done again. */
  async function clean(): Promise<void> {
    const startedAt = Date.now()
    try {
      const opened = await openOnce({ signal: closing.signal, deadline: startedAt + CLEAN_EVERY_MS })
      await removeLeftovers(opened, name, startedAt - LEFTOVER_MS)
    } catch {
      // Nothing depends on it.
    } finally {
      cleanedAt = Date.now()
      cleaning = undefined
    }
  }

  async function create(request: CreateRequest, call: Call): Promise<RemoteInstance> {
    const opened = await open(call)
    const { server, attached } = await makeServer(opened, request, { name, hasVendordata })
    if (attached) return { ...toRemoteInstance(server), attached }
    return await withCards(opened.session, server).catch((cause: unknown) => {
      throw unseen(`${name}: server ${server.id} is there; what it is attached to`, cause)
    })
  }

  async function withCards(session: Session, server: Server): Promise<RemoteInstance> {
    const ourId = ourIdOf(server)
    const [cards, disks, network] = await Promise.all([
      ourId === undefined ? [] : instanceCards(session, name).attached(ourId),
      attachedVolumes(session, name, server),
      networkOf(session, server),
    ])
    return {
      ...toRemoteInstance(server),
      ...(network ? { network } : {}),
      attached: [...cards, ...disks],
    }
  }

  /** A server that is there has the key in itself; users may have few, and it is the site's account. */
  async function returnKey({ keys, session }: Opened, server: Server): Promise<void> {
    const ourId = ourIdOf(server)
    // A key pair is its user's alone: others of the project would find none, and think it gone.
    if (server.user_id !== undefined && server.user_id !== session.user.id) return
    if (server.status === 'BUILD' || ourId === undefined || returned.has(ourId)) return
    await keys.takeBack(ourId).then(
      () => returned.add(ourId),
      // It is tried again when somebody looks next.
      () => {},
    )
  }

  return {
    name,
    capabilities: {
      ...CAPABILITIES,
      ...(hasVendordata ? {} : INJECTION_LIMITS),
      ...(rights === undefined ? {} : { rights }),
    },
    tokens: keystoneCallers(settings, identity),
    images: async (call) => {
      checkCall(call)
      return await listImages(await identity.session(call), name)
    },
    sizes: async (call) => {
      checkCall(call)
      return await listFlavors(await identity.session(call), name)
    },
    create,
    find: async (ourId, call) => {
      const { session, servers } = await open(call)
      const server = await servers.find(ourId)
      return server && (await withCards(session, server))
    },
    get: async (remoteId, call) => {
      const opened = await open(call)
      const { session, servers } = opened
      const server = await servers.get(remoteId)
      if (server.status === 'DELETED' || server.status === 'SOFT_DELETED')
        throw new CloudError('not-found', `server ${remoteId} is deleted`)
      await returnKey(opened, server)
      return await withCards(session, server)
    },
    list: async (call) => (await (await open(call)).servers.list()).map(toRemoteInstance),
    act: async (remoteId, action, call, method) => {
      const { servers } = await open(call)
      const before = await servers.get(remoteId)
      await servers.act(before, action, method)
      // Nova answers before it has done it.
      await pollUntil(call, `${name}: ${action} ${remoteId}`, async () => {
        const { 'OS-EXT-STS:task_state': task } = await servers.get(remoteId)
        return task === null || task === undefined ? true : undefined
      })
    },
    delete: async (remoteId, call) => {
      const { session, servers, keys } = await open(call)
      try {
        const ourId = ourIdOf(await servers.get(remoteId))
        // Before the server, which alone tells whose they are: after a crash they would stay for ever.
        if (ourId !== undefined) {
          await instanceCards(session, name).remove(ourId)
          await keys.takeBack(ourId)
        }
      } catch (error) {
        if (!isCloudError(error, 'not-found')) throw error
        return
      }
      await servers.delete(remoteId)
      await pollUntil(call, `${name}: delete ${remoteId}`, async () => {
        try {
          const { status } = await servers.get(remoteId)
          return status === 'DELETED' || status === 'SOFT_DELETED' ? true : undefined
        } catch (error) {
          if (isCloudError(error, 'not-found')) return true
          throw error
        }
      })
    },
    discard: async (ourId, call, keep) => {
      await discardAll(await open(call), name, ourId, keep)
    },
    volumes: cinderGroup(open, name),
    networks: neutronNetworks(open, name),
    saveImage: async (remoteId, request, call) =>
      await saveImage((await open(call)).session, name, remoteId, request, call),
    deleteImage: async (remoteId, call) => await deleteImage((await open(call)).session, remoteId),
    updateContext: async (remoteId, { image, userData }, call) => {
      const { servers } = await open(call)
      await servers.rebuild(remoteId, image.remoteId, userData)
      await pollUntil(call, `${name}: rebuild ${remoteId}`, async () => {
        const server = await servers.get(remoteId)
        if (server.status === 'ERROR')
          throw new CloudError('provider-failed', `${name}: rebuild ${remoteId}: ${toRemoteInstance(server).reason}`)
        return server.status !== 'REBUILD' && !server['OS-EXT-STS:task_state'] ? true : undefined
      })
    },
    console: async (remoteId, from, call) => {
      const { servers } = await open(call)
      return await consoles.read(remoteId, from, () => servers.console(remoteId))
    },
    close: async () => {
      closing.abort()
      await cleaning
      await http.close()
    },
  }
}

/** @throws {CloudError} timeout when the call was given up before anything was asked */
function checkCall({ signal, deadline }: Call): void {
  if (signal.aborted || Date.now() >= deadline) throw new CloudError('timeout', 'the call was given up before it began')
}
