import { variablesOf } from '../formats/variables.ts'
import { USER_DATA_MAX_BYTES, type Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import { checkHostname, readInput, readPublicKeys } from './input.ts'

/** What commands that make something for a guest are told of it. */
export interface ContextOptions {
  readonly userData?: string
  readonly variablesFromUserData?: boolean
  readonly sshKey?: string
  readonly hostname?: string
  readonly instanceId?: string
}

/**
 * What a guest is to be told, from files and words. Equal input gives an equal instance id, unless one is given.
 *
 * @throws {CloudError} invalid for what cannot be read or cannot be; too-large
 */
export async function readContext(options: ContextOptions): Promise<Context> {
  const { hostname } = options
  checkHostname(hostname)
  const userData = options.userData === undefined ? undefined : await readInput(options.userData, '--user-data')
  if (userData && userData.length > USER_DATA_MAX_BYTES)
    throw new CloudError('too-large', `--user-data is ${userData.length} bytes; a guest takes ${USER_DATA_MAX_BYTES}`)
  const publicKeys = options.sshKey === undefined ? [] : await readPublicKeys(options.sshKey)
  const variables = options.variablesFromUserData && userData ? variablesOf(userData) : {}
  const told = options.variablesFromUserData ? ['variables'] : []
  const content = [
    sha256(userData ?? new Uint8Array()),
    hostname ?? '',
    ...publicKeys.map((key) => key.text),
    ...told,
  ].join('\n')
  return {
    guestId: options.instanceId ?? toUuid(sha256(Buffer.from(content, 'utf8'))),
    ...(hostname === undefined ? {} : { hostname }),
    facts: { launchIndex: 0, ...(hostname === undefined ? {} : { name: hostname }) },
    ...(userData ? { userData } : {}),
    publicKeys,
    variables,
    files: [],
  }
}

// RFC 9562 5.8: version 8 is for ids made in a way of one's own; here the content decides, so equal input gives equal disks.
function toUuid(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
