import { join } from 'node:path'
import { Type, type TProperties } from 'typebox'
import { CloudError } from '../model/errors.ts'
import type { Provider } from './provider.ts'
import { checkSettings, thisMachine } from './settings.ts'

/** Where a provider's own talk goes; a pino logger is one. */
interface ProviderLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
}

/** What every provider is given, whatever its own settings are. */
interface ProviderSurroundings {
  /** The provider's name in the configuration (default: its driver's); prefix of its images' and sizes' names. */
  readonly name?: string
  /** For what must outlive the process; each provider takes a folder of its own in it. */
  readonly stateDir: string
  readonly log: ProviderLog
}

/**
 * Makes a provider of what stands beside `driver` in its part of the configuration.
 *
 * @throws {CloudError} invalid naming a setting that is wrong or unknown; unavailable
 */
export type ProviderLoader = (
  settings: Readonly<Record<string, unknown>>,
  surroundings: ProviderSurroundings,
) => Promise<Provider>

const strict = { additionalProperties: false }

const MEMORY_SETTINGS = Type.Object(
  {
    /** The Unix socket of a cloud in memory that runs as a process of its own. */
    socket: Type.Optional(Type.String({ minLength: 1 })),
  },
  strict,
)

const ID = '^[A-Za-z0-9][\\w.-]*$'

/** Sizes that the site offers. @param more what this cloud's have beside cores and memory */
function sizesWith<More extends TProperties>(more: More) {
  const size = {
    id: Type.String({ pattern: ID }),
    cores: Type.Integer({ minimum: 1 }),
    memoryMiB: Type.Integer({ minimum: 16 }),
    ...more,
  }
  return Type.Optional(Type.Array(Type.Object(size, strict), { minItems: 1 }))
}

const QEMU_SETTINGS = Type.Object(
  {
    imagesDir: Type.Optional(Type.String({ minLength: 1 })),
    images: Type.Optional(
      Type.Array(
        Type.Object({ path: Type.String({ minLength: 1 }), id: Type.Optional(Type.String({ pattern: ID })) }, strict),
      ),
    ),
    sizes: sizesWith({ diskGiB: Type.Optional(Type.Integer({ minimum: 1 })) }),
    accel: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('kvm'), Type.Literal('tcg')])),
    injection: Type.Optional(Type.Union([Type.Literal('always'), Type.Literal('last-resort')])),
    stopGraceMs: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  strict,
)

const OPENSTACK_SETTINGS = Type.Object(
  {
    /** Which one of `clouds.yaml`; absent: as `OS_CLOUD` says, or the only one. */
    cloud: Type.Optional(Type.String({ minLength: 1 })),
    region: Type.Optional(Type.String({ minLength: 1 })),
    /** Whose rights are used: the site's credential, or each caller's own token. */
    rights: Type.Optional(Type.Union([Type.Literal('site'), Type.Literal('caller')])),
    /** Whether the site has us as a target of its dynamic vendor data. */
    vendordata: Type.Optional(Type.Boolean()),
  },
  strict,
)

const OPENNEBULA_SETTINGS = Type.Object(
  {
    /** Where its XML-RPC is; absent: as OpenNebula's own tools find it. */
    endpoint: Type.Optional(Type.String({ minLength: 1 })),
    /** A file that holds `user:password`; absent: as OpenNebula's own tools find it. */
    authFile: Type.Optional(Type.String({ minLength: 1 })),
    /** A file of certificates (PEM) to trust. */
    caFile: Type.Optional(Type.String({ minLength: 1 })),
    sizes: sizesWith({ cpu: Type.Optional(Type.Number({ minimum: 0.01 })) }),
    userDataMaxBytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 6_000_000 })),
    startScripts: Type.Optional(Type.Array(Type.String({ pattern: '^\\d+$' }))),
  },
  strict,
)

const CONTEXT_METHOD = Type.Union([Type.Literal('one'), Type.Literal('cloud-init')])

const STRATUSLAB_SETTINGS = Type.Object(
  {
    /** The user file of StratusLab's client; absent: where the client has it. */
    userConfigFile: Type.Optional(Type.String({ minLength: 1 })),
    /** Which cloud of that file; absent: as it says itself. */
    cloud: Type.Optional(Type.String({ minLength: 1 })),
    endpoint: Type.Optional(Type.String({ minLength: 1 })),
    username: Type.Optional(Type.String({ minLength: 1 })),
    passwordFile: Type.Optional(Type.String({ minLength: 1 })),
    certificateFile: Type.Optional(Type.String({ minLength: 1 })),
    keyFile: Type.Optional(Type.String({ minLength: 1 })),
    /** A file of certificates (PEM) to trust. */
    caFile: Type.Optional(Type.String({ minLength: 1 })),
    /** The oldest TLS that is spoken. */
    minTlsVersion: Type.Optional(Type.Enum(['1.0', '1.1', '1.2', '1.3'])),
    marketplaceEndpoint: Type.Optional(Type.String({ minLength: 1 })),
    pdiskEndpoint: Type.Optional(Type.String({ minLength: 1 })),
    images: Type.Array(
      Type.Object(
        {
          id: Type.String({ minLength: 1 }),
          title: Type.Optional(Type.String({ minLength: 1 })),
          format: Type.Optional(Type.Union([Type.Literal('raw'), Type.Literal('qcow2')])),
          target: Type.Optional(Type.Union([Type.Literal('hda'), Type.Literal('sda'), Type.Literal('vda')])),
        },
        strict,
      ),
      { minItems: 1 },
    ),
    sizes: sizesWith({ swapMiB: Type.Optional(Type.Integer({ minimum: 0 })) }),
    /** Where an instance is put that no user puts anywhere. */
    network: Type.Optional(Type.String({ pattern: '^[\\w.-]+$' })),
    /** Which disk every instance gets; absent: what its data are for. */
    contextMethod: Type.Optional(CONTEXT_METHOD),
    /** Where data do not tell. */
    defaultContextMethod: Type.Optional(CONTEXT_METHOD),
  },
  strict,
)

const SYNNEFO_SETTINGS = Type.Object(
  {
    /** The file of kamaki, Synnefo's client; absent: where kamaki has it. */
    kamakirc: Type.Optional(Type.String({ minLength: 1 })),
    /** Which cloud of that file; absent: its default, or the only one. */
    cloud: Type.Optional(Type.String({ minLength: 1 })),
    /** A file of certificates (PEM) to trust. */
    caFile: Type.Optional(Type.String({ minLength: 1 })),
    /** The project that servers are charged to; absent: the account itself. */
    project: Type.Optional(Type.String({ pattern: '^[\\w-]+$' })),
  },
  strict,
)

/** Every driver, by the word that the configuration uses for it. Each is loaded when it is asked for. */
export const PROVIDERS: Readonly<Record<string, ProviderLoader>> = {
  memory: async (settings, { name = 'memory' }) => {
    const { socket } = checkSettings(MEMORY_SETTINGS, settings, name)
    if (socket === undefined) return (await import('./memory/index.ts')).memoryProvider({ name })
    const far = await (await import('./memory/client.ts')).memoryProcessProvider({ socketPath: socket })
    if (far.name === name) return far
    throw new CloudError('invalid', `provider ${name}: the process at ${socket} calls itself ${far.name}; name it so`)
  },
  opennebula: async (settings, { name = 'opennebula' }) => {
    const { endpoint, authFile, caFile, ...own } = checkSettings(OPENNEBULA_SETTINGS, settings, name)
    const { readOneCredential } = await import('./opennebula/one-auth.ts')
    const { connectOne } = await import('./opennebula/connection.ts')
    const { openNebulaProvider } = await import('./opennebula/index.ts')
    const wanted = {
      ...(endpoint === undefined ? {} : { url: endpoint }),
      ...(authFile === undefined ? {} : { authFile }),
    }
    const around = thisMachine()
    const credential = await readOneCredential(wanted, around)
    return openNebulaProvider({ ...own, name, credential, http: await connectOne(name, caFile, around.readFile) })
  },
  openstack: async (settings, { name = 'openstack' }) => {
    const {
      rights: whose,
      vendordata: hasVendordata = false,
      ...own
    } = checkSettings(OPENSTACK_SETTINGS, settings, name)
    const rights = whose === 'caller' ? { rights: whose } : {}
    const { readCloud } = await import('./openstack/clouds.ts')
    const { connectCloud } = await import('./openstack/connection.ts')
    const { openStackProvider } = await import('./openstack/index.ts')
    const around = { ...thisMachine(), cwd: process.cwd() }
    const cloud = await readCloud({ ...own, ...rights }, around)
    const http = await connectCloud(cloud, around.readFile)
    return openStackProvider({ name, settings: cloud, http, hasVendordata, ...rights })
  },
  qemu: async (settings, { name = 'qemu', stateDir, log }) => {
    const own = checkSettings(QEMU_SETTINGS, settings, name)
    const { qemuProvider } = await import('./qemu/index.ts')
    return qemuProvider({
      ...own,
      name,
      stateDir: join(stateDir, name),
      log: (line) => log.info({ provider: name }, line),
    })
  },
  stratuslab: async (settings, { name = 'stratuslab' }) => {
    const { images, network, contextMethod, ...wanted } = checkSettings(STRATUSLAB_SETTINGS, settings, name)
    const { readStratusLab } = await import('./stratuslab/settings.ts')
    const { connectLab } = await import('./stratuslab/connection.ts')
    const { stratusLabProvider } = await import('./stratuslab/index.ts')
    const lab = await readStratusLab(wanted, thisMachine())
    const own = {
      ...(network === undefined ? {} : { network }),
      ...(contextMethod === undefined ? {} : { contextMethod }),
    }
    return stratusLabProvider({ ...own, name, images, settings: lab, http: connectLab(lab.tls) })
  },
  synnefo: async (settings, { name = 'synnefo' }) => {
    const { project, ...wanted } = checkSettings(SYNNEFO_SETTINGS, settings, name)
    const { readKamakirc } = await import('./synnefo/kamakirc.ts')
    const { synnefoProvider } = await import('./synnefo/index.ts')
    const { createHttpClient } = await import('../wire/http.ts')
    const site = await readKamakirc(wanted, thisMachine())
    const http = createHttpClient({ tls: site.tls })
    return synnefoProvider({ name, settings: site, http, ...(project === undefined ? {} : { project }) })
  },
}
