import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { baseDir } from './base-dir.ts'
import { metadataFromTable, toMetadataFrom, type ServedFrontEnd } from './config-metadata-from.ts'
import { neutronTable, toNeutron, type NeutronPlace } from './config-neutron.ts'
import { USER_DATA_MAX_BYTES } from './model/context.ts'
import { CloudError, reasonOf } from './model/errors.ts'
import type { EndpointRules } from './webhooks/endpoint.ts'

const HostPort = Type.String({ pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):\\d{1,5}$' })

const Token = Type.Object(
  {
    /** SHA-256 in hex of the token; the token itself never stands in a file of ours. */
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    subject: Type.String({ minLength: 1 }),
    project: Type.String({ minLength: 1 }),
    role: Type.Optional(Type.Enum(['reader', 'member'])),
  },
  { additionalProperties: false },
)

// It is written into what guests run: nothing in it may mean something to YAML or a shell.
const GuestsUrl = Type.String({ pattern: '^https?://[\\w.:[\\]-]+$' })

const Vendordata = Type.Object(
  {
    provider: Type.String({ minLength: 1 }),
    /** SHA-256 in hex of what the cloud sends. */
    tokenSha256: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
    /** Of the cloud's own user, whose token it sends. */
    serviceUserId: Type.Optional(Type.String({ pattern: '^\\w+$' })),
  },
  { additionalProperties: false },
)

const File = Type.Object(
  {
    server: Type.Optional(
      Type.Object(
        {
          listen: Type.Optional(HostPort),
          publicUrl: Type.Optional(Type.String({ pattern: '^https?://[^\\s/?#]+$' })),
          allowedOrigins: Type.Optional(Type.Array(Type.String())),
          userDataMaxBytes: Type.Optional(Type.Integer({ minimum: 1 })),
        },
        { additionalProperties: false },
      ),
    ),
    metadata: Type.Optional(
      Type.Object(
        {
          enabled: Type.Optional(Type.Boolean()),
          listen: Type.Optional(HostPort),
          publicUrl: Type.Optional(GuestsUrl),
          siteContextsDir: Type.Optional(Type.String({ minLength: 1 })),
          neutron: Type.Optional(Type.Array(neutronTable(HostPort))),
          from: Type.Optional(Type.Array(metadataFromTable(HostPort))),
        },
        { additionalProperties: false },
      ),
    ),
    store: Type.Optional(
      Type.Object({ sqlite: Type.Optional(Type.String({ minLength: 1 })) }, { additionalProperties: false }),
    ),
    report: Type.Optional(
      Type.Object(
        { enabled: Type.Optional(Type.Boolean()), url: Type.Optional(GuestsUrl) },
        { additionalProperties: false },
      ),
    ),
    evidence: Type.Optional(
      Type.Object({ signWithinMs: Type.Optional(Type.Integer({ minimum: 1 })) }, { additionalProperties: false }),
    ),
    log: Type.Optional(
      Type.Object(
        { level: Type.Optional(Type.Enum(['debug', 'info', 'warn', 'error', 'silent'])) },
        { additionalProperties: false },
      ),
    ),
    auth: Type.Optional(
      Type.Object(
        {
          tokens: Type.Optional(Type.Array(Token)),
          challenge: Type.Optional(Type.String({ minLength: 1 })),
        },
        { additionalProperties: false },
      ),
    ),
    occi: Type.Optional(
      Type.Object(
        {
          userDataEncoding: Type.Optional(Type.Enum(['base64', 'raw'])),
          showUserData: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
    webhooks: Type.Optional(
      Type.Object(
        {
          enabled: Type.Optional(Type.Boolean()),
          allowPrivate: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
          allowHttp: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
    ),
    vendordata: Type.Optional(Type.Array(Vendordata)),
    providers: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,30}$' }),
        // What else a driver takes, it checks itself.
        Type.Object({ driver: Type.String({ minLength: 1 }) }, { additionalProperties: true }),
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

const validator = Compile(File)

/** An address to listen on. */
export interface Listen {
  readonly host: string
  readonly port: number
}

/** Everything that `bellhop serve` is told, complete: what the file leaves out has its default. */
export interface Config {
  readonly server: {
    readonly listen: Listen
    /** How clients reach the API; absent: the address it listens on. */
    readonly publicUrl?: string
    readonly allowedOrigins: readonly string[]
    readonly userDataMaxBytes: number
  }
  readonly metadata: {
    readonly enabled: boolean
    readonly listen: Listen
    /** How guests reach it that come by network; absent: only those who are given a URL by hand. */
    readonly publicUrl?: string
    /** A folder of tar balls that HEPiX's guests fetch from it. */
    readonly siteContextsDir?: string
    /** Where it stands in Nova's place. */
    readonly neutron?: readonly NeutronPlace<Listen>[]
    /** Clouds that are not ours whose guests `bellhop metadata` answers. */
    readonly from?: readonly ServedFrontEnd[]
  }
  readonly store: { readonly sqlite: string }
  readonly report: {
    /** Whether guests are told to report to us, where a user does not say. */
    readonly enabled: boolean
    /** Where guests of clouds reach the metadata server from the network; absent: they are not told to. */
    readonly url?: string
  }
  readonly evidence: {
    /** How long a guest may take until a way shows a sign of it, in milliseconds; absent: the service's own default. */
    readonly signWithinMs?: number
  }
  readonly log: { readonly level: string }
  readonly auth: {
    readonly tokens: readonly Static<typeof Token>[]
    /** The provider whose Keystone clients are told to get a token from; absent: the only one that gives any. */
    readonly challenge?: string
  }
  readonly occi: {
    /** How OCCI 1.2's `occi.compute.userdata` is written where a request does not say. */
    readonly userDataEncoding: 'base64' | 'raw'
    /** Whether a project's user data are shown to it again. */
    readonly showUserData: boolean
  }
  /** Where projects may have events sent to; absent: nowhere. */
  readonly webhooks?: EndpointRules
  /** Tokens of the clouds that ask what to tell their guests, each for one provider. */
  readonly vendordata: readonly Static<typeof Vendordata>[]
  /** By the provider's name; what stands beside `driver` is the driver's own. */
  readonly providers: Readonly<Record<string, { readonly driver: string; readonly [setting: string]: unknown }>>
  /** Where state that must outlive the process is kept (`$XDG_STATE_HOME/bellhop`). */
  readonly stateDir: string
}

/**
 * Reads a configuration file, or makes the default one (SQLite, and QEMU on this machine) where there is none.
 *
 * @throws {CloudError} invalid naming file, key and what is allowed there
 */
export async function readConfig(path: string | undefined, env: NodeJS.ProcessEnv = process.env): Promise<Config> {
  return toConfig(path === undefined ? {} : await parseFile(path), path ?? 'the configuration', env)
}

async function parseFile(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CloudError('invalid', `configuration: cannot read ${path}: ${reasonOf(cause)}`, { cause })
  }
  try {
    return parse(text)
  } catch (cause) {
    const where = cause instanceof TomlError ? `:${cause.line}:${cause.column}` : ''
    throw new CloudError('invalid', `configuration: ${path}${where} is not TOML: ${reasonOf(cause).split('\n')[0]}`, {
      cause,
    })
  }
}

function toConfig(file: unknown, source: string, env: NodeJS.ProcessEnv): Config {
  if (!validator.Check(file)) throw new CloudError('invalid', explain(file, source))
  const stateDir = baseDir('state', env)
  const { server = {}, metadata = {}, store = {}, report = {}, evidence = {}, log = {}, auth = {}, occi = {} } = file
  const { providers = { qemu: { driver: 'qemu' } }, vendordata = [], webhooks = {} } = file
  checkVendordata(vendordata, Object.keys(providers), auth.tokens ?? [])
  const neutron = toNeutron(metadata.neutron ?? [], {
    isEnabled: metadata.enabled ?? true,
    providers: Object.keys(providers),
    toListen,
  })
  const from = toMetadataFrom(metadata.from ?? [], toListen)
  const reportUrl = report.url ?? metadata.publicUrl
  return {
    server: {
      listen: toListen(server.listen ?? '127.0.0.1:8787'),
      ...(server.publicUrl === undefined ? {} : { publicUrl: server.publicUrl }),
      allowedOrigins: server.allowedOrigins ?? [],
      userDataMaxBytes: server.userDataMaxBytes ?? USER_DATA_MAX_BYTES,
    },
    metadata: {
      enabled: metadata.enabled ?? true,
      listen: toListen(metadata.listen ?? '127.0.0.1:8788'),
      ...(metadata.publicUrl === undefined ? {} : { publicUrl: metadata.publicUrl }),
      ...(metadata.siteContextsDir === undefined ? {} : { siteContextsDir: resolve(metadata.siteContextsDir) }),
      ...(neutron.length > 0 ? { neutron } : {}),
      ...(from.length > 0 ? { from } : {}),
    },
    store: { sqlite: resolve(store.sqlite ?? join(stateDir, 'bellhop.sqlite')) },
    report: { enabled: report.enabled ?? true, ...(reportUrl === undefined ? {} : { url: reportUrl }) },
    evidence,
    log: { level: log.level ?? 'info' },
    auth: {
      tokens: auth.tokens ?? [],
      ...(auth.challenge === undefined ? {} : { challenge: auth.challenge }),
    },
    occi: { userDataEncoding: occi.userDataEncoding ?? 'base64', showUserData: occi.showUserData ?? false },
    ...(webhooks.enabled === false
      ? {}
      : { webhooks: { allowPrivate: webhooks.allowPrivate ?? [], allowHttp: webhooks.allowHttp ?? false } }),
    vendordata,
    providers,
    stateDir,
  }
}

function checkVendordata(
  tables: Config['vendordata'],
  providers: readonly string[],
  tokens: Config['auth']['tokens'],
): void {
  for (const { provider, tokenSha256, serviceUserId } of tables) {
    if ((tokenSha256 === undefined) === (serviceUserId === undefined))
      throw new CloudError('invalid', 'configuration: vendordata: each table needs either tokenSha256 or serviceUserId')
    if (!providers.includes(provider))
      throw new CloudError(
        'invalid',
        `configuration: vendordata.provider: there is no "${provider}"; there are ${providers.join(', ')}`,
      )
    if (tokens.some(({ sha256 }) => sha256 === tokenSha256))
      throw new CloudError(
        'invalid',
        'configuration: vendordata.tokenSha256: is that of a user in auth.tokens; give the cloud a token of its own',
      )
  }
}

function explain(file: unknown, source: string): string {
  const lines = new Set(validator.Errors(file).flatMap(complaints))
  return `configuration: ${source} is not right:\n${[...lines].map((line) => `  ${line}`).join('\n')}`
}

function complaints(error: ReturnType<typeof validator.Errors>[number]): readonly string[] {
  const path = error.instancePath.slice(1).replaceAll('/', '.')
  const below = (key: string): string => (path === '' ? key : `${path}.${key}`)
  const { keyword, params, message } = error
  if (keyword === 'additionalProperties')
    return params.additionalProperties.map((key) => `${below(key)}: is no setting`)
  if (keyword === 'required') return params.requiredProperties.map((key) => `${below(key)}: is missing`)
  if (keyword === 'enum') return [`${path}: must be one of ${params.allowedValues.join(', ')}`]
  // An unknown key is complained of twice.
  if (keyword === 'boolean') return []
  return [`${path}: ${message}`]
}

function toListen(text: string): Listen {
  const colon = text.lastIndexOf(':')
  const port = Number(text.slice(colon + 1))
  if (port > 65_535) throw new CloudError('invalid', `configuration: port ${port} in "${text}" is above 65535`)
  return { host: text.slice(0, colon).replaceAll(/^\[|\]$/g, ''), port }
}
