import { join, resolve } from 'node:path'
import { toAuth, type Auth } from './clouds-auth.ts'
import type { Entry } from './clouds-entry.ts'
import type { Surroundings } from './clouds-files.ts'

/** The services of a cloud that a driver asks. */
export type Service = 'compute' | 'image' | 'network' | 'volume'

/** Which of a service's endpoints is asked. */
export interface EndpointChoice {
  readonly interface: EndpointInterface
  /** Asked instead of what the catalogue says. */
  readonly override?: string
}

const INTERFACES = ['public', 'internal', 'admin'] as const
type EndpointInterface = (typeof INTERFACES)[number]

/** How to reach one cloud: who we are, where it is, whom to trust. Holds secrets. */
export interface CloudSettings {
  /** In clouds.yaml. */
  readonly name: string
  /** Absent where callers come with their own tokens. */
  readonly auth?: Auth
  /** Keystone's version 3, without a slash at its end. */
  readonly authUrl: string
  readonly region?: string
  readonly endpoints: Readonly<Record<Service, EndpointChoice>>
  /** The microversion of Nova's that the site wants to be asked with. */
  readonly computeMicroversion?: string
  readonly tls: TlsPaths
  /** How long one request may take. */
  readonly requestTimeoutMs?: number
}

/** Absolute paths of PEM files. */
export interface TlsPaths {
  readonly isVerified: boolean
  readonly caPath?: string
  readonly certPath?: string
  readonly keyPath?: string
}

/**
 * @param needsAuth whether the site's own credential is wanted
 * @throws {CloudError} invalid naming what is missing or wrong
 */
export function toSettings(name: string, entry: Entry, needsAuth: boolean, around: Surroundings): CloudSettings {
  const region = entry.text('region_name')
  const microversion = microversionOf(entry)
  const timeoutMs = timeoutOf(entry)
  return {
    name,
    authUrl: authUrlOf(entry),
    ...(needsAuth ? { auth: toAuth(entry) } : {}),
    ...(region === undefined ? {} : { region }),
    endpoints: {
      compute: endpointOf(entry, ['compute']),
      image: endpointOf(entry, ['image']),
      network: endpointOf(entry, ['network']),
      // Cinder's service type had other names.
      volume: endpointOf(entry, ['block_storage', 'volumev3', 'volume']),
    },
    ...(microversion === undefined ? {} : { computeMicroversion: microversion }),
    tls: tlsOf(entry, around),
    ...(timeoutMs === undefined ? {} : { requestTimeoutMs: timeoutMs }),
  }
}

/** @see Keystone, Identity API v3: its root */
function authUrlOf(entry: Entry): string {
  const text = entry.authText('auth_url')
  if (text === undefined) throw entry.invalid('auth.auth_url', 'is missing: the address of Keystone')
  checkUrl(entry, 'auth.auth_url', text)
  const url = text.replace(/\/+$/, '')
  if (/\/v2(?:\.0)?$/.test(url))
    throw entry.invalid('auth.auth_url', 'names version 2 of the Identity API; only 3 is spoken')
  return url.endsWith('/v3') ? url : `${url}/v3`
}

function checkUrl(entry: Entry, key: string, text: string): void {
  const url = URL.parse(text)
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:'
  if (!url || !isHttp || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw entry.invalid(key, 'must be http://… or https://…, without a user, a query or a fragment')
}

function endpointOf(entry: Entry, names: readonly string[]): EndpointChoice {
  const first = (ending: string) => {
    const key = names.map((name) => `${name}_${ending}`).find((name) => entry.keys.includes(name))
    return key === undefined ? undefined : { key, text: entry.text(key) ?? '' }
  }
  const { key, text } = first('interface') ?? { key: 'interface', text: entry.text('interface') ?? 'public' }
  const word = text.replace(/URL$/, '')
  const chosen = INTERFACES.find((name) => name === word)
  if (!chosen) throw entry.invalid(key, `must be one of ${INTERFACES.join(', ')}`)
  const override = first('endpoint_override')
  if (!override) return { interface: chosen }
  checkUrl(entry, override.key, override.text)
  return { interface: chosen, override: override.text }
}

/** @see Nova, API reference: Microversions */
function microversionOf(entry: Entry): string | undefined {
  const explicit = entry.text('compute_default_microversion')
  if (explicit !== undefined) {
    if (/^(?:2\.\d{1,4}|latest)$/.test(explicit)) return explicit
    throw entry.invalid('compute_default_microversion', 'must be 2.N, or latest')
  }
  const version = entry.text('compute_api_version')
  // Version 2 and 2.0 are the API itself, and no microversion of it.
  if (version === undefined || /^2(?:\.0)?$/.test(version)) return undefined
  if (/^2\.\d{1,4}$/.test(version)) return version
  throw entry.invalid('compute_api_version', 'must be 2 or 2.N')
}

function tlsOf(entry: Entry, { cwd, home }: Surroundings): TlsPaths {
  const path = (key: string) => {
    const text = entry.text(key)
    return text === undefined ? undefined : resolve(cwd, /^~(?:\/|$)/.test(text) ? join(home, text.slice(1)) : text)
  }
  const isVerified = entry.flag('insecure') !== true && (entry.flag('verify') ?? true)
  const [caPath, certPath, keyPath] = [isVerified ? path('cacert') : undefined, path('cert'), path('key')]
  if (keyPath !== undefined && certPath === undefined)
    throw entry.invalid('cert', 'is missing: "key" alone is no identity')
  return {
    isVerified,
    ...(caPath === undefined ? {} : { caPath }),
    ...(certPath === undefined ? {} : { certPath }),
    ...(keyPath === undefined ? {} : { keyPath }),
  }
}

function timeoutOf(entry: Entry): number | undefined {
  const text = entry.text('api_timeout')
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 86_400) return Math.ceil(seconds * 1000)
  throw entry.invalid('api_timeout', 'must be seconds, above 0 and at most 86400')
}
