import { Buffer } from 'node:buffer'
import { posix } from 'node:path'
import { textFile } from '../../src/model/files.ts'
import { asText } from './fault.ts'
import type { CreatedParams, Customized, GuestFile, Image, Personality } from './model.ts'
import { contentsOf } from './personality.ts'

const SEED = '/var/lib/cloud/seed/nocloud-net'
const FOLDER_MODE = 0o750
const DEFAULT_MODE = 0o440
/** Linux starts no program with a longer variable, its name and end included. */
const VARIABLE_MAX_BYTES = 128 * 1024

const BUILD_ERROR = 'BuildError'

/** Whether it is why a machine was not made, as snf-image says it. */
export function isBuildError(error: unknown): error is Error {
  return error instanceof Error && error.name === BUILD_ERROR
}

function buildError(message: string): Error {
  return Object.assign(new Error(message), { name: BUILD_ERROR })
}

/** Whether an image says that its machines run cloud-init. */
export function runsCloudInit({ metadata }: Image): boolean {
  return Object.entries(metadata).some(
    ([key, value]) => key.toUpperCase() === 'CLOUD_INIT' && /^(?:yes|true|on|1|set)$/i.test(value),
  )
}

/**
 * What snf-image (0.24) makes of an image before its machine boots.
 *
 * @param hostname the name that Ganeti has for the machine
 * @throws as {@link isBuildError} tells
 * @see snf-image-helper/tasks: 35InitializeDatasource, 50AssignHostname, 50ChangePassword, 60EnforcePersonality
 */
export function customize(image: Image, params: CreatedParams, hostname: string): Customized {
  for (const [name, value] of [
    ['CLOUD_USERDATA', params.userData ?? ''],
    ['PERSONALITY', JSON.stringify(params.personality)],
    ['AUTH_KEYS', params.authKeys ?? ''],
  ] as const)
    if (Buffer.byteLength(`SNF_IMAGE_${name}=${value}`) + 1 > VARIABLE_MAX_BYTES)
      throw buildError('run-parts: Argument list too long')
  return runsCloudInit(image) ? withCloudInit(params, hostname) : withoutCloudInit(image, params)
}

/** User data are for such images alone; files come late, by a script that runs once. */
function withCloudInit({ personality, userData = '', authKeys = '' }: CreatedParams, hostname: string): Customized {
  const keys = authKeys.split('\n').flatMap((line) => {
    // As `read` without -r and an unquoted `echo` leave it.
    const text = line.replaceAll('\\', '').trim().split(/\s+/).join(' ')
    return text === '' ? [] : [`  - ${text}\n`]
  })
  const metadata = [`instance-id: ${hostname}\n`, `local-hostname: ${hostname}\n`]
  if (keys.length > 0) metadata.push('public-keys:\n', ...keys)
  const own = (text: string): GuestFile => ({ ...textFile(text), mode: 0o600, uid: 0, gid: 0 })
  return {
    files: new Map([
      [
        '/etc/cloud/cloud.cfg.d/98_snf-image-InitializeDatasource.cfg',
        { ...own('datasource_list: [ NoCloud ]\n'), mode: 0o644 },
      ],
      [`${SEED}/meta-data`, own(metadata.join(''))],
      [`${SEED}/user-data`, { ...own(''), bytes: Buffer.from(userData, 'base64') }],
    ]),
    folders: new Map(),
    late: new Map(
      personality.map((file) => {
        const words = pathOf(file).split(/\s+/)
        if (words.length > 1) throw buildError('install: target is not a directory')
        return [pathOf(file), { bytes: contentsOf(file), mode: modeOf(file), uid: 0, gid: 0 }]
      }),
    ),
  }
}

/** User data are dropped without a word. Files are there before the boot; what lacks of their folders is their owner's. */
function withoutCloudInit(image: Image, { personality, authKeys = '' }: CreatedParams): Customized {
  const files = new Map<string, GuestFile>()
  const folders = new Map<string, Omit<GuestFile, 'bytes'>>()
  if (authKeys !== '')
    files.set('/root/.ssh/authorized_keys', { ...textFile(`${authKeys}\n`), mode: 0o600, uid: 0, gid: 0 })
  for (const file of personality) {
    const path = pathOf(file)
    const uid = idOf(path, 'File owner', file.owner, image.users)
    const gid = idOf(path, 'Group', file.group, image.groups)
    for (let folder = posix.dirname(path); folder !== '/'; folder = posix.dirname(folder)) {
      if (files.has(folder)) throw buildError(`Unable to inject file: \`${path}' to the VM.`)
      if (!image.folders.has(folder) && !folders.has(folder)) folders.set(folder, { mode: FOLDER_MODE, uid, gid })
    }
    files.set(path, { bytes: contentsOf(file), mode: modeOf(file), uid, gid })
  }
  return { files, folders, late: new Map() }
}

/** Written to a list of Python 2 text, read back by `read` without -r. */
function pathOf({ path }: Personality): string {
  if (typeof path !== 'string') throw buildError("KeyError: 'path'")
  if (/[^\0-\x7f]/.test(path)) throw buildError('UnicodeEncodeError')
  return path.replaceAll('\\', '').trim()
}

/** `"%o" % mode`, which `install` then takes. */
function modeOf({ mode = DEFAULT_MODE }: Personality): number {
  if (typeof mode === 'number') return mode & 0o7777
  throw buildError('TypeError: %o format: a number is required, not unicode')
}

function idOf(path: string, what: string, name: unknown, ids: Readonly<Record<string, number>>): number {
  if (name === undefined) return 0
  const id = typeof name === 'string' ? ids[name] : undefined
  if (id !== undefined) return id
  throw buildError(`Unable to inject file: \`${path}' to the VM. ${what}: \`${asText(name)}' does not exist!`)
}
