import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { CloudError } from '../model/errors.ts'
import type { Provider } from './provider.ts'
import { checkSettings } from './settings.ts'

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

const QEMU_SETTINGS = Type.Object(
  {
    imagesDir: Type.Optional(Type.String({ minLength: 1 })),
    images: Type.Optional(
      Type.Array(
        Type.Object(
          { path: Type.String({ minLength: 1 }), id: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][\\w.-]*$' })) },
          strict,
        ),
      ),
    ),
    sizes: Type.Optional(
      Type.Array(
        Type.Object(
          {
            id: Type.String({ pattern: '^[A-Za-z0-9][\\w.-]*$' }),
            cores: Type.Integer({ minimum: 1 }),
            memoryMiB: Type.Integer({ minimum: 16 }),
            diskGiB: Type.Optional(Type.Integer({ minimum: 1 })),
          },
          strict,
        ),
        { minItems: 1 },
      ),
    ),
    accel: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('kvm'), Type.Literal('tcg')])),
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

/** Every driver, by the word that the configuration uses for it. Each is loaded when it is asked for. */
export const PROVIDERS: Readonly<Record<string, ProviderLoader>> = {
  memory: async (settings, { name = 'memory' }) => {
    const { socket } = checkSettings(MEMORY_SETTINGS, settings, name)
    if (socket === undefined) return (await import('./memory/index.ts')).memoryProvider({ name })
    const far = await (await import('./memory/client.ts')).memoryProcessProvider({ socketPath: socket })
    if (far.name === name) return far
    throw new CloudError('invalid', `provider ${name}: the process at ${socket} calls itself ${far.name}; name it so`)
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
    const around = { env: process.env, readFile: readText, cwd: process.cwd(), home: homedir() }
    const cloud = await readCloud({ ...own, ...rights }, around)
    const http = await connectCloud(cloud, readText)
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
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8')
}
