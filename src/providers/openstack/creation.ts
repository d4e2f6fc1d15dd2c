import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { checkKeys } from '../limits.ts'
import type { Attached, CreateRequest } from '../provider.ts'
import { instanceCards } from './cards.ts'
import { isUnknown } from '../outcome.ts'
import { checkSiteFiles, OTHER_WAYS } from './injection.ts'
import type { LentKeys } from './keys.ts'
import type { Microversions } from './microversion.ts'
import { toServerBody } from './server-body.ts'
import type { Server } from './server-state.ts'
import type { Servers } from './servers.ts'
import type { Session } from './session.ts'
import { prepareForBoot } from './volume-attachments.ts'

/** The cloud for the time of one call. */
export interface Opened {
  readonly session: Session
  readonly servers: Servers
  readonly keys: LentKeys
  readonly versions: Microversions
}

/** How servers are made. */
interface CreationOptions {
  /** The provider's name. */
  readonly name: string
  /** Whether vendor data of ours bring a guest all files, and the keys beyond the first. */
  readonly hasVendordata: boolean
}

/** A server that is there now. */
interface Made {
  readonly server: Server
  /** What it was made with; absent where it was there before, or Nova failed after it had made it. */
  readonly attached?: readonly Attached[]
}

/**
 * Makes a server, with all that it needs beside it. What Nova would lose is refused before anything is made; where it is
 * refused, nothing stays.
 *
 * @throws {CloudError} as {@link toServerBody}; what the cloud refuses with
 */
export async function makeServer(
  opened: Opened,
  request: CreateRequest,
  { name, hasVendordata }: CreationOptions,
): Promise<Made> {
  const { session, servers, keys, versions } = opened
  const { id, spec, volumes = [] } = request
  const earlier = await servers.find(id)
  if (earlier) return { server: earlier }
  const [key] = spec.publicKeys
  const injected = hasVendordata ? [] : spec.files
  if (!hasVendordata) checkKeys(spec.publicKeys, { who: name, limit: 1, otherWays: OTHER_WAYS })
  const minor = injected.length > 0 ? (versions.withFiles ?? versions.spoken) : versions.spoken
  const body = (networks: Parameters<typeof toServerBody>[1]['networks']): object =>
    toServerBody(request, {
      minor,
      networks,
      isFilesBeside: hasVendordata,
      ...(key ? { keyName: keys.nameFor(id) } : {}),
    })
  body([])
  if (injected.length > 0) await checkSiteFiles(session, name, minor, injected)
  if (volumes.length > 0) await prepareForBoot(session, name, volumes)
  const cards = instanceCards(session, name)
  try {
    if (key) await keys.lend(id, key.text)
    const { networks, attached } = await cards.make(request)
    const server = await servers.create(body(networks), minor)
    return { server, attached: [...attached, ...volumes.map(({ linkId }) => ({ linkId }))] }
  } catch (error) {
    // Where nobody knows whether it is there, everything stays for whoever looks for it.
    if (!isCloudError(error) || isUnknown(error)) throw error
    // Nova may fail after it has made one.
    const there = await servers.find(id).catch((cause: unknown) => {
      throw unseen(`${error.message}; whether it is there all the same`, cause)
    })
    if (there) return { server: there }
    // Should this not be all, the service discards it again.
    await discardAll(opened, name, id).catch(() => {})
    throw error
  }
}

/**
 * Takes away all that bears our id: servers, should there be two, their cards and addresses, the key.
 *
 * @param keep the server that stays, with its cards
 */
export async function discardAll(
  { session, servers, keys }: Opened,
  name: string,
  ourId: string,
  keep?: string,
): Promise<void> {
  for (const { id } of await servers.findAll(ourId)) if (id !== keep) await servers.delete(id)
  if (keep !== undefined) return
  await instanceCards(session, name).remove(ourId)
  await keys.takeBack(ourId)
}

/** For what may well be there, but was not seen. */
export function unseen(what: string, cause: unknown): CloudError {
  return new CloudError('unavailable', `${what} cannot be seen: ${reasonOf(cause)}`, { cause })
}
