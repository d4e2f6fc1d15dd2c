import { hash } from 'node:crypto'
import type { Context, InstanceFacts, PublicKey } from '../model/context.ts'
import { given } from './given.ts'
import { type JsonObject, numberIn, objectIn, textIn } from './json.ts'

/**
 * The EC2 metadata of a context as one object, in Nova's order: a config drive holds it as it is, a server as a tree.
 * Listed is only what answers: a name that is listed and then missing costs cloud-init its whole source.
 */
export function toMetadata(context: Context): JsonObject {
  const { hostname, facts } = context
  const ids = ec2Ids(context)
  const rootDevice = facts.rootDevice ?? UNKNOWN_ROOT_DEVICE
  return {
    'ami-id': ids.imageId,
    'ami-launch-index': facts.launchIndex,
    'ami-manifest-path': 'FIXME',
    'instance-id': ids.instanceId,
    hostname,
    'local-ipv4': facts.localIpv4,
    'reservation-id': ids.reservationId,
    'security-groups': facts.securityGroups,
    'public-keys': toPublicKeys(context.publicKeys),
    'local-hostname': hostname,
    'public-hostname': hostname,
    // As Nova has it: there, and empty, where the instance has none.
    'public-ipv4': facts.publicIpv4 ?? '',
    'instance-type': facts.sizeName,
    'block-device-mapping': { ami: rootDevice.replace('/dev/', ''), root: rootDevice },
    placement: facts.zone === undefined ? undefined : { 'availability-zone': facts.zone },
    'instance-action': 'none',
  }
}

/** What such an object, ours or Nova's, says of the context. */
export function fromMetadata(metadata: JsonObject): Partial<Context> {
  const groups = metadata['security-groups']
  const facts: InstanceFacts = {
    launchIndex: numberIn(metadata['ami-launch-index']) ?? 0,
    ...given({
      sizeName: textIn(metadata['instance-type']),
      zone: textIn(objectIn(metadata['placement'])['availability-zone']),
      localIpv4: textIn(metadata['local-ipv4']),
      publicIpv4: textIn(metadata['public-ipv4']) || undefined,
      securityGroups: Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : undefined,
      rootDevice: textIn(objectIn(metadata['block-device-mapping'])['root']),
      ec2: given({
        instanceId: textIn(metadata['instance-id']),
        imageId: textIn(metadata['ami-id']),
        reservationId: textIn(metadata['reservation-id']),
      }),
    }),
  }
  const publicKeys = Object.values(objectIn(metadata['public-keys'])).flatMap(fromPublicKey)
  return { ...given({ hostname: textIn(metadata['hostname']) }), facts, publicKeys }
}

/** The member of `public-keys/N` in which Nova keeps the line that the listing shows. */
export const KEY_LISTING = '_name'

/** The line of a key in EC2's listing: `0=jane`. */
export function keyListing(index: number, name: string): string {
  return `${index}=${name}`
}

/** The member of `public-keys/N`, and the file, that has the key. */
export const OPENSSH_KEY = 'openssh-key'

/** What Nova says where it does not know the device that the guest boots from. */
const UNKNOWN_ROOT_DEVICE = '/dev/sda1'

function toPublicKeys(keys: readonly PublicKey[]): JsonObject | undefined {
  if (keys.length === 0) return undefined
  const entries = keys.map(({ name, text }, index) => [
    `${index}`,
    { [KEY_LISTING]: keyListing(index, name), [OPENSSH_KEY]: text },
  ])
  return Object.fromEntries(entries) as JsonObject
}

function fromPublicKey(entry: unknown, index: number): readonly PublicKey[] {
  const { [KEY_LISTING]: listing, [OPENSSH_KEY]: text } = objectIn(entry)
  if (typeof text !== 'string') return []
  const name = textIn(listing)?.replace(/^\d+=/, '') ?? `key-${index}`
  return [{ name, text: text.replace(/[\r\n]+$/, '') }]
}

/**
 * EC2's ids: the cloud's own where it mints them, else the prefix and 17 hex digits (as long as Amazon's) of the SHA-256 of
 * what they stand for, so that they stay over restarts: `i-` and `r-` of the guest's id (every instance is a reservation
 * of its own), `ami-` of the image's name.
 */
function ec2Ids({ guestId, facts }: Context): { instanceId: string; imageId: string; reservationId: string } {
  return {
    instanceId: facts.ec2?.instanceId ?? mintId('i', guestId),
    imageId: facts.ec2?.imageId ?? mintId('ami', facts.imageName ?? ''),
    reservationId: facts.ec2?.reservationId ?? mintId('r', guestId),
  }
}

function mintId(prefix: string, of: string): string {
  return `${prefix}-${hash('sha256', of).slice(0, 17)}`
}
