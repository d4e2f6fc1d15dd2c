import { join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { Surroundings } from '../settings.ts'

/** What is known already; it wins over variables and files. */
interface Wanted {
  /** Of the XML-RPC. */
  readonly url?: string
  /** A file that holds `user:password` or `user:token`. */
  readonly authFile?: string
}

/** How OpenNebula is reached, and as whom. */
export interface OneCredential {
  readonly url: string
  /** `user:password`; a secret. */
  readonly session: string
}

const FRONT_END_HOME = '/var/lib/one'
const DEFAULT_URL = 'http://localhost:2633/RPC2'

/**
 * Reads address and credential where OpenNebula's own tools have them: `ONE_XMLRPC` or `~/.one/one_endpoint`, and the file that
 * `ONE_AUTH` names or `~/.one/one_auth`; on the front end itself those of its administrator.
 *
 * @throws {CloudError} invalid naming the file or variable; never what is in it
 * @see OpenNebula, Managing Users: Shell Environment
 */
export async function readOneCredential(wanted: Wanted, around: Surroundings): Promise<OneCredential> {
  return { url: await readUrl(wanted, around), session: await readSession(wanted, around) }
}

async function readUrl({ url }: Wanted, around: Surroundings): Promise<string> {
  if (url !== undefined) return checkUrl(url, 'url')
  const named = around.env['ONE_XMLRPC'] ?? ''
  if (named !== '') return checkUrl(named, 'ONE_XMLRPC')
  const file = await firstOf(placesOf('one_endpoint', around), around)
  return file ? checkUrl(file.firstLine, file.path) : DEFAULT_URL
}

function checkUrl(text: string, where: string): string {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol))
    throw new CloudError('invalid', `${where}: not an address of XML-RPC; write it like ${DEFAULT_URL}`)
  if (url.username !== '' || url.password !== '')
    throw new CloudError(
      'invalid',
      `${where}: an address holds no credential; put it into the file that ONE_AUTH names`,
    )
  return url.href
}

async function readSession({ authFile }: Wanted, around: Surroundings): Promise<string> {
  const named = (around.env['ONE_AUTH'] ?? '') || undefined
  const usual = [...(named === undefined ? [] : [named]), ...placesOf('one_auth', around)]
  const places = authFile === undefined ? usual : [authFile]
  const file = await firstOf(places, around)
  if (!file)
    throw new CloudError(
      'invalid',
      `no credential for OpenNebula: there is no ${places.join(', ')}; write user:password into one`,
    )
  // The user ends at the first colon: a password may have more.
  if (/^[^:]+:./.test(file.firstLine)) return file.firstLine
  throw new CloudError('invalid', `${file.path}: its first line is not user:password`)
}

function placesOf(name: string, { home }: Surroundings): readonly string[] {
  return [home, FRONT_END_HOME].map((folder) => join(folder, '.one', name))
}

interface Found {
  readonly path: string
  readonly firstLine: string
}

/** As the tools do: what is not there is passed over, even what a variable names. */
async function firstOf(paths: readonly string[], { readFile }: Surroundings): Promise<Found | undefined> {
  for (const path of paths)
    try {
      const [line = ''] = (await readFile(path)).split('\n')
      return { path, firstLine: line.trimEnd() }
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason given'
      if (code === 'ENOENT' || code === 'ENOTDIR') continue
      // The home of the front end is not for everybody.
      if (code === 'EACCES' && path.startsWith(FRONT_END_HOME)) continue
      throw new CloudError('invalid', `${path}: cannot be read (${code})`)
    }
  return undefined
}
