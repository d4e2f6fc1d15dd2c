import { Buffer } from 'node:buffer'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { HttpClient } from '../../wire/http.ts'
import type { Call, CreateRequest, Provider, RemoteInstance } from '../provider.ts'
import { CAPABILITIES } from './capabilities.ts'
import type { CloudSettings } from './clouds-settings.ts'
import { isUnknown } from './faults.ts'
import { listFlavors } from './flavors.ts'
import { createIdentity } from './identity.ts'
import { deleteImage, listImages, saveImage } from './images.ts'
import { chooseMicroversion } from './microversion.ts'
import { neutronNetworks, sharedNetworks } from './networks.ts'
import { pollUntil } from './polling.ts'
import { neutronPorts, toAttached } from './ports.ts'
import { toServerBody } from './server-body.ts'
import { ourIdOf, toRemoteInstance, type Server } from './server-state.ts'
import { novaServers, type Servers } from './servers.ts'
import type { Session } from './session.ts'

/** What an OpenStack cloud is reached with. */
export interface OpenStackOptions {
  /** The provider's name; prefix of its images' and sizes' names. */
  readonly name: string
  readonly settings: CloudSettings
  readonly http: HttpClient
}

/** The names of the keys that we lend servers until they are there. */
const KEY_PREFIX = 'bellhop-'

/**
 * An OpenStack cloud: Keystone, Nova, Glance and Neutron, asked with the site's credential or the caller's own token.
 *
 * @see OpenStack API documentation: Identity v3, Compute 2.1 to 2.90, Image v2, Networking v2
 */
export function openStackProvider({ name, settings, http }: OpenStackOptions): Provider {
  const identity = createIdentity({ name, settings, http })
  let minor: Promise<number> | undefined
  // Keys that are gone already; whether one is there cannot be seen from its server.
  const returned = new Set<string>()

  async function minorFor(session: Session): Promise<number> {
    minor ??= chooseMicroversion(session, name)
    try {
      return await minor
    } catch (error) {
      minor = undefined
      throw error
    }
  }

  async function open(
    call: Call,
  ): Promise<{ readonly session: Session; readonly servers: Servers; readonly minor: number }> {
    checkCall(call)
    const session = await identity.session(call)
    const spoken = await minorFor(session)
    return { session, servers: novaServers(session, name, spoken), minor: spoken }
  }

  async function create(request: CreateRequest, call: Call): Promise<RemoteInstance> {
    const { session, servers, minor: spoken } = await open(call)
    const { id, spec, networks = [] } = request
    const earlier = await servers.find(id)
    if (earlier) return await withCards(session, earlier)
    const ports = neutronPorts(session, name)
    const [key, second] = spec.publicKeys
    if (second)
      throw new CloudError(
        'unsupported',
        `publicKeys: there are ${spec.publicKeys.length}; Nova gives a server one, put the others into user data`,
      )
    // Refused here, before anything is made.
    const keyName = key && `${KEY_PREFIX}${id}`
    const surroundings = { minor: spoken, networks: [], ...(keyName === undefined ? {} : { keyName }) }
    toServerBody(request, surroundings)
    try {
      if (key && keyName !== undefined) await servers.createKey(keyName, key.text)
      const made = []
      for (const attachment of networks) made.push(await ports.make(id, attachment))
      const cards = made.length > 0 ? made.map(({ id: port }) => ({ port })) : await defaultNetwork(session)
      const server = await servers.create(toServerBody(request, { ...surroundings, networks: cards }))
      return { ...toRemoteInstance(server), attached: made.map(toAttached) }
    } catch (error) {
      // Where nobody knows whether it is there, everything stays for whoever looks for it.
      if (!isCloudError(error) || isUnknown(error)) throw error
      // Nova may fail after it has made one.
      const there = await servers.find(id)
      if (there) return await withCards(session, there)
      await cleanUp(session, servers, id)
      throw error
    }
  }

  /** Of several Nova would not choose one. */
  async function defaultNetwork(session: Session): Promise<readonly { readonly uuid: string }[]> {
    const [first] = session.has('network') ? await sharedNetworks(session, name) : []
    return first ? [{ uuid: first.id }] : []
  }

  async function withCards(session: Session, server: Server): Promise<RemoteInstance> {
    const ourId = ourIdOf(server)
    const ports = ourId === undefined ? [] : await neutronPorts(session, name).ofInstance(ourId)
    return { ...toRemoteInstance(server), attached: ports.map(toAttached) }
  }

  /** What was made for a server that is not there. */
  async function cleanUp(session: Session, servers: Servers, ourId: string): Promise<void> {
    await servers.deleteKey(`${KEY_PREFIX}${ourId}`).catch(() => {})
    const ports = neutronPorts(session, name)
    for (const { id } of await ports.ofInstance(ourId).catch(() => [])) await ports.delete(id).catch(() => {})
  }

  /** A server that is there has the key in itself; users may have few, and it is the site's account. */
  async function returnKey(servers: Servers, server: Server): Promise<void> {
    const ourId = ourIdOf(server)
    if (server.status === 'BUILD' || ourId === undefined || returned.has(ourId)) return
    await servers.deleteKey(`${KEY_PREFIX}${ourId}`).then(
      () => returned.add(ourId),
      // It is tried again when somebody looks next.
      () => {},
    )
  }

  return {
    name,
    capabilities: CAPABILITIES,
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
      const { session, servers } = await open(call)
      const server = await servers.get(remoteId)
      if (server.status === 'DELETED' || server.status === 'SOFT_DELETED')
        throw new CloudError('not-found', `server ${remoteId} is deleted`)
      await returnKey(servers, server)
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
      const { session, servers } = await open(call)
      const ports = neutronPorts(session, name)
      try {
        const ourId = ourIdOf(await servers.get(remoteId))
        // Before the server, which alone tells whose they are: after a crash they would stay for ever.
        if (ourId !== undefined) {
          for (const { id } of await ports.ofInstance(ourId)) await ports.delete(id)
          await servers.deleteKey(`${KEY_PREFIX}${ourId}`)
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
    networks: neutronNetworks(open, name),
    saveImage: async (remoteId, request, call) =>
      await saveImage((await open(call)).session, name, remoteId, request, call),
    deleteImage: async (remoteId, call) => await deleteImage((await open(call)).session, remoteId),
    console: async (remoteId, from, call) => {
      const bytes = Buffer.from(await (await open(call)).servers.console(remoteId), 'utf8')
      // A console that was cut at its beginning is read again.
      const start = from <= bytes.byteLength ? from : 0
      return { text: bytes.toString('utf8', start), next: bytes.byteLength }
    },
    close: () => http.close(),
  }
}

/** @throws {CloudError} timeout when the call was given up before anything was asked */
function checkCall({ signal, deadline }: Call): void {
  if (signal.aborted || Date.now() >= deadline) throw new CloudError('timeout', 'the call was given up before it began')
}
