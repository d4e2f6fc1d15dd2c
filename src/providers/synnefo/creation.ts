import { isCloudError, CloudError, reasonOf } from '../../model/errors.ts'
import { checkKeys } from '../limits.ts'
import { isUnknown } from '../outcome.ts'
import type { CreateRequest } from '../provider.ts'
import type { InTurn } from '../turns.ts'
import type { SiteAbilities } from './abilities.ts'
import { contextualize } from './contextualization.ts'
import { readsUserData } from './images.ts'
import { KEYS_MAX, type LentKeys } from './keys.ts'
import { serverName, toServerBody } from './server-body.ts'
import type { Server } from './server-state.ts'
import type { Servers } from './servers.ts'
import type { Session } from './session.ts'

/** The cloud for the time of one call. */
export interface Opened {
  readonly session: Session
  readonly servers: Servers
  readonly keys: LentKeys
}

/** How servers are made. */
export interface CreationOptions {
  /** The provider's name. */
  readonly name: string
  readonly abilities: SiteAbilities
  readonly inTurn: InTurn
  /** Whom they are charged to; absent: the account itself. */
  readonly project?: string
}

/**
 * Makes a server, unless there is one with its id. What would not reach the guest whole is refused before anything is made; where
 * it is refused, nothing stays.
 *
 * @throws {CloudError} as {@link contextualize}; what the cloud refuses with
 */
export async function makeServer(opened: Opened, request: CreateRequest, options: CreationOptions): Promise<Server> {
  const { servers, keys, session } = opened
  const { id, spec, image } = request
  const { name, abilities, inTurn, project } = options
  checkKeys(spec.publicKeys, { who: name, limit: KEYS_MAX })
  const [earlier] = await servers.findAll(id)
  if (earlier) {
    // Whoever made it may have ended before he took its keys back.
    await keys.takeBack(id).catch(() => {})
    return earlier
  }
  const called = serverName(request)
  const context = contextualize(spec, {
    provider: name,
    serverName: called,
    readsUserData: await readsUserData(session, name, image.remoteId),
    ...abilities,
  })
  const body = toServerBody(request, {
    name: called,
    context,
    keyNames: keys.namesFor(id, context.keyPairs),
    ...(project === undefined ? {} : { project }),
  })
  if (context.keyPairs.length === 0) return await makeOnce(opened, id, body)
  // The account has few, and each is needed for a moment alone.
  return await inTurn('keys', async () => {
    await keys.lend(id, context.keyPairs).catch(async (error: unknown) => {
      await keys.takeBack(id).catch(() => {})
      throw error
    })
    const server = await makeOnce(opened, id, body)
    // It has them by now; should this fail, they are taken back with the server.
    await keys.takeBack(id).catch(() => {})
    return server
  })
}

async function makeOnce({ servers, keys }: Opened, id: string, body: object): Promise<Server> {
  try {
    return await servers.create(body)
  } catch (error) {
    // Where nobody knows whether it is there, everything stays for whoever looks for it.
    if (!isCloudError(error) || isUnknown(error)) throw error
    // Cyclades may fail after it has made one.
    const [there] = await servers.findAll(id).catch((cause: unknown) => {
      throw new CloudError('unavailable', `${error.message}; whether it is there cannot be seen: ${reasonOf(cause)}`, {
        cause,
      })
    })
    if (there) return there
    // Should this not be all, the service discards it again.
    await keys.takeBack(id).catch(() => {})
    throw error
  }
}
