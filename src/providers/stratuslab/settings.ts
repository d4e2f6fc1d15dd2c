import { join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { Surroundings } from '../settings.ts'
import type { LabTls, TlsVersion } from './connection.ts'
import type { ContextMethod } from './method.ts'
import { rpcUrl, type Login } from './endpoint.ts'
import { toSizeOptions, type LabSizeOption } from './sizes.ts'
import { parseUserConfig, type UserConfig } from './user-config.ts'

/** What is known already; it wins over variables and the user file. */
export interface Wanted {
  /** Absent: the client's own place, which may be empty. */
  readonly userConfigFile?: string
  /** Which cloud of the user file; absent: as its `selected_section` says. */
  readonly cloud?: string
  readonly endpoint?: string
  readonly username?: string
  /** A file that holds the password alone on its first line. */
  readonly passwordFile?: string
  /** PEM: the certificate that we show. */
  readonly certificateFile?: string
  /** PEM; absent: it stands in the file of the certificate. */
  readonly keyFile?: string
  /** PEM: certificates to trust. */
  readonly caFile?: string
  /** The oldest TLS that is spoken; absent: that of Node.js. */
  readonly minTlsVersion?: TlsVersion
  readonly marketplaceEndpoint?: string
  readonly pdiskEndpoint?: string
  readonly defaultContextMethod?: ContextMethod
  readonly sizes?: readonly LabSizeOption[]
}

/** A StratusLab: where it is, who asks, what is to be had there. */
export interface StratusLabSettings {
  readonly url: string
  readonly login: Login
  readonly tls: LabTls
  /** Without a slash at its end. */
  readonly marketplaceEndpoint: string
  /** Without a slash at its end; absent where no image is a persistent disk. */
  readonly pdiskEndpoint?: string
  readonly defaultContextMethod: ContextMethod
  /** The usual one first. */
  readonly sizes: readonly LabSizeOption[]
}

const USER_CONFIG = join('.stratuslab', 'stratuslab-user.cfg')
const MARKETPLACE = 'https://marketplace.stratuslab.eu'

/**
 * Reads what StratusLab's own client reads: variables `STRATUSLAB_ENDPOINT`, `STRATUSLAB_USERNAME` and `STRATUSLAB_PASSWORD`, then
 * `~/.stratuslab/stratuslab-user.cfg`. What is said expressly wins, and a user name said so goes with no password from elsewhere but
 * the variable.
 *
 * @throws {CloudError} invalid naming setting, file or key; never a secret
 */
export async function readStratusLab(wanted: Wanted, around: Surroundings): Promise<StratusLabSettings> {
  const config = await readConfig(wanted, around)
  const said = (key: string): string | undefined => config.values.get(key) || undefined
  const endpoint = wanted.endpoint ?? variable(around, 'ENDPOINT') ?? said('endpoint')
  if (endpoint === undefined)
    throw new CloudError(
      'invalid',
      'endpoint: nobody says where StratusLab is; set it, or name a cloud of the user file',
    )
  const { login, tls } = await readLogin(wanted, said, around)
  const ca = wanted.caFile === undefined ? undefined : await readGiven(wanted.caFile, 'caFile', around)
  const pdiskEndpoint = wanted.pdiskEndpoint ?? said('pdisk_endpoint')
  return {
    url: rpcUrl(endpoint, login),
    login,
    tls: {
      ...tls,
      ...(ca === undefined ? {} : { ca }),
      ...(wanted.minTlsVersion === undefined ? {} : { minVersion: wanted.minTlsVersion }),
    },
    marketplaceEndpoint: address(
      wanted.marketplaceEndpoint ?? said('marketplace_endpoint') ?? MARKETPLACE,
      'marketplaceEndpoint',
    ),
    ...(pdiskEndpoint === undefined ? {} : { pdiskEndpoint: address(pdiskEndpoint, 'pdiskEndpoint') }),
    defaultContextMethod: wanted.defaultContextMethod ?? toMethod(said('default_context_method')),
    sizes: wanted.sizes ?? toSizeOptions(config.instanceTypes, said('default_instance_type')),
  }
}

async function readConfig({ userConfigFile, cloud }: Wanted, around: Surroundings): Promise<UserConfig> {
  const path = userConfigFile ?? join(around.home, USER_CONFIG)
  let text = ''
  try {
    text = await around.readFile(path)
  } catch (error) {
    if (userConfigFile !== undefined || cloud !== undefined || codeOf(error) !== 'ENOENT')
      throw new CloudError('invalid', `userConfigFile: cannot read ${path} (${codeOf(error)})`)
    return { values: new Map(), instanceTypes: [] }
  }
  const config = parseUserConfig(text, cloud)
  if (config) return config
  throw new CloudError(
    'invalid',
    `${path}: there is no section for the cloud that is asked for${cloud ? `: [${cloud}]` : ' (selected_section)'}`,
  )
}

type Said = (key: string) => string | undefined

async function readLogin(
  wanted: Wanted,
  said: Said,
  around: Surroundings,
): Promise<{ readonly login: Login; readonly tls: Omit<LabTls, 'minVersion'> }> {
  const { username, passwordFile, certificateFile, keyFile } = wanted
  if (certificateFile !== undefined && (username ?? passwordFile) !== undefined)
    throw new CloudError('invalid', 'certificateFile: give either a certificate, or username and passwordFile')
  if (certificateFile !== undefined) return await readCertificate(certificateFile, keyFile, around)
  const name = username ?? variable(around, 'USERNAME') ?? said('username')
  if (name !== undefined) {
    const ofFile = username === undefined && variable(around, 'USERNAME') === undefined ? said('password') : undefined
    const password =
      passwordFile === undefined
        ? (variable(around, 'PASSWORD') ?? ofFile)
        : (await readGiven(passwordFile, 'passwordFile', around)).split(/\r?\n/, 1)[0]
    return { login: checkLogin(name, password), tls: {} }
  }
  const certificate = said('pem_certificate')
  if (certificate !== undefined) return await readCertificate(certificate, said('pem_key'), around)
  throw new CloudError(
    'invalid',
    'username: nobody says as whom StratusLab is asked; give username and passwordFile, or certificateFile',
  )
}

async function readCertificate(
  certificateFile: string,
  keyFile: string | undefined,
  around: Surroundings,
): Promise<{ readonly login: Login; readonly tls: Omit<LabTls, 'minVersion'> }> {
  const cert = await readGiven(certificateFile, 'certificateFile', around)
  const key = keyFile === undefined ? cert : await readGiven(keyFile, 'keyFile', around)
  return { login: 'certificate', tls: { cert, key } }
}

/** A user ends at the first colon, in Basic as in a session. */
function checkLogin(username: string, password: string | undefined): Login {
  if (username === '' || /[:\0-\x1F\x7F]/.test(username))
    throw new CloudError('invalid', 'username: it is empty, or has a colon or a control character in it')
  if (password === undefined || password === '')
    throw new CloudError(
      'invalid',
      'passwordFile: there is no password; name a file with it, or set STRATUSLAB_PASSWORD',
    )
  return { username, password }
}

function variable({ env }: Surroundings, name: string): string | undefined {
  return env[`STRATUSLAB_${name}`] || undefined
}

function toMethod(text: string | undefined): ContextMethod {
  if (text === undefined || text === 'one' || text === 'cloud-init') return text ?? 'one'
  throw new CloudError('invalid', 'default_context_method: neither one nor cloud-init')
}

/** Where images are, which become part of a template: nothing that would have to be quoted there. */
function address(text: string, setting: string): string {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`)
  const isPlain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!url || !isPlain || !/^https?:$/.test(url.protocol) || !/^[\w:/.@+-]+$/.test(url.href))
    throw new CloudError('invalid', `${setting}: no address; write it like ${MARKETPLACE}`)
  return url.href.replace(/\/+$/, '')
}

async function readGiven(path: string, setting: string, { readFile, home }: Surroundings): Promise<string> {
  try {
    return await readFile(path.startsWith('~/') ? join(home, path.slice(2)) : path)
  } catch (error) {
    throw new CloudError('invalid', `${setting}: cannot read ${path} (${codeOf(error)})`)
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'no reason given'
}
