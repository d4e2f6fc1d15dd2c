import { Buffer } from 'node:buffer'
import { nocloud } from '../../layouts/nocloud.ts'
import type { InjectedFile, PublicKey } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { InstanceSpec } from '../../model/instance.ts'
import { checkFiles } from '../limits.ts'
import type { SiteAbilities } from './abilities.ts'
import { FILE_LIMITS, FILE_MAX_BYTES, toPersonality, type Personality } from './personality.ts'

/**
 * So many bytes of user data reach snf-image's programs: it exports their base64 as one variable, and Linux starts no program
 * with a longer one than 128 KiB.
 *
 * @see snf-image, common.sh: create_floppy; execve(2), MAX_ARG_STRLEN
 */
export const USER_DATA_MAX_BYTES = 98_283

/** What a user can do about data and files that do not fit. */
export const OTHER_WAYS =
  'compress the user data by gzip, have them fetch the rest (#include), or put files into them (#cloud-config has write_files)'

/** What the guest's programs read. @see cloud-init, NoCloud: local filesystem */
const SEED = '/var/lib/cloud/seed/nocloud-net'
/** uCernVM reads it from whatever disk has it. */
const CERNVM = '/cernvm/extra-user-data'
const ROOT_KEYS = '/root/.ssh/authorized_keys'
const FOR_ROOT_ALONE = 0o600

/** What is known of a server's site and of its image. */
interface Circumstances extends SiteAbilities {
  /** The provider's name. */
  readonly provider: string
  /** What the server will be called. */
  readonly serverName: string
  /** Whether its image says that it runs cloud-init. */
  readonly readsUserData: boolean
}

/** How a guest is told what it must learn. */
export interface Contextualization {
  readonly userData?: Uint8Array
  /** The user's files, and those that we put beside them. */
  readonly personality: readonly Personality[]
  /** Its keys where they are lent to it as key pairs; else they are in a file. */
  readonly keyPairs: readonly string[]
}

/**
 * Decides how a server's data reach its guest: as user data where site and image take them, else as files that stock images
 * read. What does not fit is refused before anything is made.
 *
 * @throws {CloudError} too-large naming size, limit and ways out; unsupported for files that would be spoilt; conflict for a file
 *   in the place of ours
 */
export function contextualize(
  spec: Pick<InstanceSpec, 'userData' | 'hostname' | 'publicKeys' | 'variables' | 'files'>,
  circumstances: Circumstances,
): Contextualization {
  const { provider, readsUserData, hasUserData, hasKeyPairs } = circumstances
  const { publicKeys, files } = spec
  // The empty and the absent are one to Synnefo.
  const userData = spec.userData?.byteLength === 0 ? undefined : spec.userData
  const isTaken = readsUserData && hasUserData
  const seed = userData && !isTaken ? seedOf({ ...spec, userData }, circumstances) : []
  // One key alone has a place of its own before 0.20.
  const isByKeyPairs = publicKeys.length > 0 && hasKeyPairs && (hasUserData || publicKeys.length === 1)
  const keys = publicKeys.length > 0 && !isByKeyPairs ? [keysFile(publicKeys, provider)] : []
  const ours = [...seed, ...keys]
  checkPlaces(files, ours)
  const beside = ours.length === 0 ? '' : `, which has ${ours.length} of user data and keys beside them,`
  const limit = { ...FILE_LIMITS, max: FILE_LIMITS.max - ours.length }
  checkFiles(files, { who: `${provider}${beside}`, limit, otherWays: OTHER_WAYS })
  if (userData && userData.byteLength > USER_DATA_MAX_BYTES)
    throw tooLarge(userData.byteLength, provider, USER_DATA_MAX_BYTES)
  return {
    // An image that takes them gets them both ways where the site is not known to: one of the two is the right one.
    ...(userData && readsUserData ? { userData } : {}),
    personality: toPersonality([...ours, ...files]),
    keyPairs: isByKeyPairs ? publicKeys.map((key) => (readsUserData ? keyForYaml(key) : key.text)) : [],
  }
}

// A backslash is taken away, a pattern expanded, blanks become one; the rest means something in YAML.
const SPOILT = /[\\*?[\]]|:(?:\s|$)|\s#|\s{2}/

/**
 * A key as snf-image's script for such images leaves it whole, which puts it into YAML as it is; its comment, by which alone
 * people know it, may have to go.
 *
 * @throws {CloudError} unsupported where its options would be spoilt
 * @see snf-image, tasks/50ChangePassword
 */
function keyForYaml({ name, text }: PublicKey): string {
  if (!SPOILT.test(text)) return text
  const bare = /^(?:.*?\s)?(?:ssh-|ecdsa-|sk-)\S+\s+\S+/.exec(text)?.[0] ?? text
  if (!SPOILT.test(bare)) return bare
  throw new CloudError(
    'unsupported',
    `publicKeys: ${name} has options that Synnefo would spoil (\\ * ? [ ] ": " " #"); leave them out, or put the key into the user data`,
  )
}

/** The server's name tells instances apart, also where a disk is cloned. */
function seedOf(
  spec: Pick<InstanceSpec, 'hostname' | 'publicKeys' | 'variables' | 'files'> & { readonly userData: Uint8Array },
  { serverName, provider }: Circumstances,
): readonly InjectedFile[] {
  const { userData } = spec
  if (userData.byteLength > FILE_MAX_BYTES)
    throw tooLarge(userData.byteLength, `${provider}, which gives them to this image as a file,`, FILE_MAX_BYTES)
  const metadata = nocloud.render({ ...spec, guestId: serverName, facts: { launchIndex: 0 } }).get('meta-data')
  const bytes = metadata?.bytes ?? Buffer.of()
  if (bytes.byteLength > FILE_MAX_BYTES)
    throw new CloudError(
      'too-large',
      `variables, publicKeys: in a file they are ${bytes.byteLength} bytes; ${provider} takes ${FILE_MAX_BYTES}`,
    )
  return [
    { path: `${SEED}/meta-data`, bytes, mode: FOR_ROOT_ALONE },
    { path: `${SEED}/user-data`, bytes: userData, mode: FOR_ROOT_ALONE },
    { path: CERNVM, bytes: userData, mode: FOR_ROOT_ALONE },
  ]
}

function keysFile(publicKeys: InstanceSpec['publicKeys'], provider: string): InjectedFile {
  const bytes = Buffer.from(publicKeys.map(({ text }) => `${text}\n`).join(''), 'utf8')
  if (bytes.byteLength <= FILE_MAX_BYTES) return { path: ROOT_KEYS, bytes, mode: FOR_ROOT_ALONE }
  throw new CloudError(
    'too-large',
    `publicKeys: they are ${bytes.byteLength} bytes; ${provider} takes ${FILE_MAX_BYTES}: give fewer, or shorter ones`,
  )
}

function checkPlaces(files: readonly InjectedFile[], ours: readonly InjectedFile[]): void {
  const taken = files.find(({ path }) => ours.some((our) => our.path === path))
  if (!taken) return
  throw new CloudError(
    'conflict',
    `files: ${taken.path} is where the guest gets its user data or keys; leave out one or the other`,
  )
}

function tooLarge(sizeBytes: number, who: string, maxBytes: number): CloudError {
  return new CloudError('too-large', `userData is ${sizeBytes} bytes; ${who} takes ${maxBytes}; ${OTHER_WAYS}`)
}
