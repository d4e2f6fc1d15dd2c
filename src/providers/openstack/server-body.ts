import { Buffer } from 'node:buffer'
import { CloudError } from '../../model/errors.ts'
import type { CreateRequest } from '../provider.ts'
import { LAST_WITH_FILES, OTHER_WAYS, toPersonality } from './injection.ts'

/** So many bytes make 65,532 characters of base64; Nova takes 65,535. @see Nova, schemas/servers.py */
export const USER_DATA_MAX_BYTES = 49_149

const WITH_TAGS = 52
const WITH_HOSTNAME = 90
const NAME_MAX_CHARACTERS = 255
const METADATA_MAX = 128
const METADATA_KEY = /^[a-zA-Z0-9_:. -]{1,255}$/
const METADATA_VALUE_MAX_CHARACTERS = 255
const HOSTNAME = /^[a-zA-Z0-9][a-zA-Z0-9-]{0,61}[a-zA-Z0-9]$/
const HOSTNAME_MAX_CHARACTERS = 63

/** What a server is made of beside the request itself. */
export interface Surroundings {
  /** Minor number of the microversion: 90 for 2.90. */
  readonly minor: number
  readonly keyName?: string
  /** One for each card, in their order: a port that we made, or a network. */
  readonly networks: readonly ({ readonly port: string } | { readonly uuid: string })[]
  /** Whether vendor data of ours bring the guest its files, so that Nova need not. */
  readonly isFilesBeside?: boolean
}

/** The tag, or the end of the name where the cloud has no tags, by which a server is found again. */
export function tagFor(ourId: string): string {
  return `bellhop:${ourId}`
}

/** Whether a cloud of this microversion keeps tags from a server's creation on. */
export function hasTags(minor: number): boolean {
  return minor >= WITH_TAGS
}

/**
 * The name of a server: what the user calls it, made so that Nova takes it; with our id where there are no tags. Where Nova
 * calls the guest after it, and that would be another host name than the one that is asked for, that one.
 */
export function serverName({ id, spec }: Pick<CreateRequest, 'id' | 'spec'>, minor: number): string {
  const { name: title = spec.hostname ?? '', hostname } = spec
  const mustName = hostname !== undefined && HOSTNAME.test(hostname) && minor < WITH_HOSTNAME && hasTags(minor)
  const wanted = (mustName && hostnameFrom(title) !== hostname.toLowerCase() ? hostname : title)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, ' ')
    .trim()
  const end = hasTags(minor) ? '' : ` ${tagFor(id)}`
  const name = Array.from(wanted === '' ? `bellhop-${id.slice(0, 8)}` : wanted)
    .slice(0, NAME_MAX_CHARACTERS - end.length)
    .join('')
  return `${name.trim()}${end}`
}

/** What Nova calls a guest whose server has this name. @see Nova, `sanitize_hostname` */
function hostnameFrom(name: string): string {
  return name
    .slice(0, HOSTNAME_MAX_CHARACTERS)
    .replaceAll(/[ _.]/g, '-')
    .replaceAll(/[^a-zA-Z0-9-]/g, '')
    .toLowerCase()
    .replaceAll(/^-+|-+$/g, '')
}

/**
 * What is sent to make a server. Nova takes much in silence that no guest ever sees: whatever it would lose or spoil is
 * refused here.
 *
 * @throws {CloudError} too-large, invalid, unsupported naming what Nova would not carry
 * @see Nova, Compute API: Create server
 */
export function toServerBody(request: CreateRequest, surroundings: Surroundings): object {
  const { minor, keyName, networks, isFilesBeside = false } = surroundings
  const { id, spec, image, size, plan } = request
  const { userData, hostname, variables } = spec
  const files = isFilesBeside ? [] : spec.files
  if (files.length > 0 && minor > LAST_WITH_FILES)
    throw new CloudError('unsupported', `files: this cloud injects none (microversion 2.${minor}); ${OTHER_WAYS}`)
  if (files.length > 0 && hostname !== undefined && HOSTNAME.test(hostname) && !hasTags(minor))
    throw new CloudError(
      'unsupported',
      `hostname: at 2.${minor}, where Nova injects files, the server's name gives it, and must end in our id; leave one out`,
    )
  const named = hostname !== undefined && minor >= WITH_HOSTNAME && HOSTNAME.test(hostname)
  return {
    server: {
      name: serverName(request, minor),
      ...(named ? { hostname } : {}),
      imageRef: image.remoteId,
      flavorRef: size.remoteId,
      ...(keyName === undefined ? {} : { key_name: keyName }),
      ...(userData && { user_data: encodeUserData(userData) }),
      // Files reach a guest by a drive alone, in Nova's own configuration.
      ...(plan.deliveries.some(({ method }) => method === 'disk') || files.length > 0 ? { config_drive: true } : {}),
      metadata: toMetadata(variables),
      ...(hasTags(minor) ? { tags: [tagFor(id)] } : {}),
      ...toNetworks(networks, minor),
      ...toBlockDevices(image.remoteId, request.volumes),
      ...(files.length > 0 ? { personality: toPersonality(files) } : {}),
    },
  }
}

/** @throws {CloudError} too-large for Nova */
export function encodeUserData(userData: Uint8Array): string {
  if (userData.byteLength > USER_DATA_MAX_BYTES)
    throw new CloudError('too-large', `userData is ${userData.byteLength} bytes; Nova takes ${USER_DATA_MAX_BYTES}`)
  // Nova takes empty data and shows them to the guest as such.
  return Buffer.from(userData).toString('base64')
}

/** From 2.37 on it has to be said that there are none. */
function toNetworks(networks: Surroundings['networks'], minor: number): object {
  if (networks.length > 0) return { networks }
  return minor >= 37 ? { networks: 'none' } : {}
}

/** Nova attaches them before the first boot. Where any is named, the image's own disk has to be too. */
function toBlockDevices(imageId: string, volumes: CreateRequest['volumes'] = []): object {
  if (volumes.length === 0) return {}
  const root = { uuid: imageId, source_type: 'image', destination_type: 'local', boot_index: 0 }
  const others = volumes.map(({ volumeRemoteId: uuid }) => ({
    uuid,
    source_type: 'volume',
    destination_type: 'volume',
    boot_index: -1,
    delete_on_termination: false,
  }))
  return { block_device_mapping_v2: [{ ...root, delete_on_termination: true }, ...others] }
}

function toMetadata(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const pairs = Object.entries(variables)
  if (pairs.length > METADATA_MAX)
    throw new CloudError('too-large', `variables: there are ${pairs.length}; Nova takes ${METADATA_MAX}`)
  for (const [key, value] of pairs) {
    if (!METADATA_KEY.test(key))
      throw new CloudError(
        'invalid',
        `variables: the name "${key.slice(0, 50)}" has characters that Nova does not take; it takes A-Z a-z 0-9 - _ : . and blanks, 255 at most`,
      )
    const length = Array.from(value).length
    if (length > METADATA_VALUE_MAX_CHARACTERS)
      throw new CloudError(
        'too-large',
        `variables: ${key.slice(0, 50)} has ${length} characters; Nova takes ${METADATA_VALUE_MAX_CHARACTERS}`,
      )
  }
  return Object.fromEntries(pairs)
}
