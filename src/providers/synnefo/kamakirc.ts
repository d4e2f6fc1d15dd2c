import { join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { TlsSettings } from '../../wire/http.ts'
import { parseIni } from '../ini.ts'
import type { Surroundings } from '../settings.ts'

/** What is known already; it wins over variables and the file. */
interface Wanted {
  /** The file of kamaki, Synnefo's client; absent: as kamaki finds it. */
  readonly kamakirc?: string
  /** Which cloud of the file; absent: its `default_cloud`, or the only one. */
  readonly cloud?: string
  /** PEM: certificates to trust. */
  readonly caFile?: string
}

/** A Synnefo: where its Astakos is, who asks. */
export interface SynnefoSettings {
  /** The cloud's name in the file, for people. */
  readonly cloud: string
  /** Of Astakos' identity service, with its version and without a slash at its end. */
  readonly authUrl: string
  /** A secret. */
  readonly token: string
  readonly tls: TlsSettings
}

const CLOUD = /^cloud "([~@#$.:\w-]+)"$/
const TOKEN = /^[\x21-\x7e]{1,1024}$/

/**
 * Reads the file of Synnefo's own client, which is never written: `KAMAKI_CONFIG`, or `~/.kamakirc`.
 *
 * @throws {CloudError} invalid naming file, section or key; never a token
 * @see kamaki, User's guide: Setup
 */
export async function readKamakirc(wanted: Wanted, around: Surroundings): Promise<SynnefoSettings> {
  const path = wanted.kamakirc ?? (around.env['KAMAKI_CONFIG'] || join(around.home, '.kamakirc'))
  const sections = parseIni(await read(path, 'kamakirc', around))
  const common = sections.get('global') ?? new Map<string, string>()
  const clouds = new Map(
    [...sections].flatMap(([section, values]) => {
      const name = CLOUD.exec(section)?.[1]
      return name === undefined ? [] : [[name, values] as const]
    }),
  )
  const cloud = chosen(wanted.cloud ?? valueOf(common, 'default_cloud'), [...clouds.keys()], path)
  const own = clouds.get(cloud) ?? new Map<string, string>()
  const where = `${path}: [cloud "${cloud}"]`
  const caFile = wanted.caFile ?? valueOf(own, 'ca_certs') ?? valueOf(common, 'ca_certs')
  const isIgnored = valueOf(own, 'ignore_ssl') ?? valueOf(common, 'ignore_ssl')
  return {
    cloud,
    authUrl: checkUrl(valueOf(own, 'url'), where),
    token: checkToken(valueOf(own, 'token'), where),
    tls: {
      ...(caFile === undefined ? {} : { ca: await read(caFile, 'ca_certs', around) }),
      ...(isIgnored?.toLowerCase() === 'on' ? { isVerified: false } : {}),
    },
  }
}

/** The versioned address of a service: some sites leave the version out, which clients then put behind. */
export function withVersion(url: string): string {
  const base = url.replace(/\/+$/, '')
  return /\/v\d+(?:\.\d+)?$/.test(base) ? base : `${base}/v2.0`
}

function chosen(wanted: string | undefined, names: readonly string[], path: string): string {
  const [first, ...others] = names
  if (first === undefined)
    throw new CloudError('invalid', `${path}: there is no cloud; write one as [cloud "name"] with url and token`)
  if (wanted !== undefined && names.includes(wanted)) return wanted
  const listed = names.join(', ')
  if (wanted !== undefined)
    throw new CloudError('invalid', `${path}: there is no [cloud "${wanted.slice(0, 50)}"]; it has ${listed}`)
  if (others.length === 0) return first
  throw new CloudError('invalid', `${path}: it has several clouds (${listed}) and no default_cloud; name one as cloud`)
}

/** What stands behind a blank and a semicolon is a remark, as Python reads it. */
function valueOf(section: ReadonlyMap<string, string>, key: string): string | undefined {
  return section.get(key)?.replace(/\s+;.*$/, '') || undefined
}

function checkUrl(text: string | undefined, where: string): string {
  const url = URL.parse(text ?? '')
  if (url && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '' && url.hash === '')
    return withVersion(url.href)
  throw new CloudError(
    'invalid',
    `${where}: url: must be where Astakos is, such as https://accounts.example.org/identity/v2.0`,
  )
}

function checkToken(text: string | undefined, where: string): string {
  if (text !== undefined && TOKEN.test(text)) return text
  throw new CloudError('invalid', `${where}: token: there is none that can be one; the site's own pages show yours`)
}

async function read(path: string, setting: string, { readFile, home }: Surroundings): Promise<string> {
  try {
    return await readFile(path.startsWith('~/') ? join(home, path.slice(2)) : path)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'no reason given'
    throw new CloudError('invalid', `${setting}: cannot read ${path} (${code})`)
  }
}
