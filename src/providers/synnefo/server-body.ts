import { Buffer } from 'node:buffer'
import { toHostname } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { CreateRequest } from '../provider.ts'
import type { Contextualization } from './contextualization.ts'

/** The key of a server's metadata that holds our id. */
export const OUR_ID = 'bellhop_id'
/** The key that tells which card is of which link of ours. */
export const OUR_LINKS = 'bellhop_links'

const NAME_MAX_CHARACTERS = 255
const METADATA_VALUE_MAX_CHARACTERS = 500

/** What a server is made of beside the request itself. */
export interface Surroundings {
  readonly name: string
  readonly context: Contextualization
  /** Names of key pairs; those of more than one need 0.20. */
  readonly keyNames: readonly string[]
  /** Whom it is charged to; absent: the account itself. */
  readonly project?: string
}

/**
 * The name of a server: what the user calls it, as a host name, and our id. No two are called alike, for images whose data come
 * by file take it for their instance id.
 */
export function serverName({ id, spec }: Pick<CreateRequest, 'id' | 'spec'>): string {
  const end = `bellhop-${id}`
  const title = toHostname(spec.name ?? spec.hostname ?? '')?.slice(0, NAME_MAX_CHARACTERS - end.length - 1)
  return title === undefined ? end : `${title}-${end}`
}

/** Our id in a server's name, for a server that has lost its metadata. */
export function idInName(name: string): string | undefined {
  return /(?:^|-)bellhop-([0-9a-f-]{36})$/.exec(name)?.[1]
}

/**
 * What is sent to make a server.
 *
 * @throws {CloudError} unsupported, too-large, not-found naming what Synnefo does not carry or cannot have
 * @see Synnefo, Compute API: Create server
 */
export function toServerBody({ id, image, size, networks = [] }: CreateRequest, surroundings: Surroundings): object {
  const { name, context, keyNames, project } = surroundings
  const { userData, personality } = context
  if (!/^\d{1,15}$/.test(size.remoteId)) throw new CloudError('not-found', `there is no flavor ${size.remoteId}`)
  return {
    server: {
      name,
      imageRef: image.remoteId,
      flavorRef: Number(size.remoteId),
      metadata: { [OUR_ID]: id, ...toLinks(networks) },
      ...(networks.length > 0 ? { networks: networks.map(toCard) } : {}),
      ...(project === undefined ? {} : { project }),
      ...toKeys(keyNames),
      ...(userData ? { user_data: Buffer.from(userData).toString('base64') } : {}),
      ...(personality.length > 0 ? { personality } : {}),
    },
  }
}

/** Either of the two, never both. */
function toKeys(names: readonly string[]): object {
  const [first, ...others] = names
  if (first === undefined) return {}
  return others.length === 0 ? { key_name: first } : { 'SNF:key_names': names }
}

type Cards = NonNullable<CreateRequest['networks']>

function toCard({ networkRemoteId, mac, address }: Cards[number]): object {
  if (mac !== undefined)
    throw new CloudError('unsupported', `the address ${mac} of a card: Synnefo chooses it; leave it out`)
  return { uuid: networkRemoteId, ...(address === undefined ? {} : { fixed_ip: address }) }
}

/** A card has no text of its own: the server's tells which link it is of. */
function toLinks(networks: Cards): object {
  if (networks.length === 0) return {}
  const text = networks.map(({ linkId, networkRemoteId }) => `${linkId}=${networkRemoteId}`).join(' ')
  if (text.length <= METADATA_VALUE_MAX_CHARACTERS) return { [OUR_LINKS]: text }
  throw new CloudError('too-large', `links: there are ${networks.length} networks; Synnefo gives a server 8 cards`)
}
