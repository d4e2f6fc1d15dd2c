import { Type, type Static } from 'typebox'
import { within } from './deliveries/metadata-addresses.ts'
import { FRONT_END_DRIVERS, type FrontEndSettings } from './metadata-from/front-ends.ts'
import type { NetworkListener } from './metadata-from/index.ts'
import { CloudError, reasonOf } from './model/errors.ts'

const Text = Type.String({ minLength: 1 })

/** One table of `[[metadata.from]]`; `listen` is the pattern of addresses that the whole configuration has. */
export function metadataFromTable<L extends ReturnType<typeof Type.String>>(listen: L) {
  return Type.Object(
    {
      driver: Type.Enum([...FRONT_END_DRIVERS]),
      name: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,30}$' })),
      endpoint: Type.Optional(Text),
      caFile: Type.Optional(Text),
      zone: Type.Optional(Text),
      addressesFrom: Type.Optional(Type.Enum(['leases', 'vms'])),
      authFile: Type.Optional(Text),
      userConfigFile: Type.Optional(Text),
      cloud: Type.Optional(Text),
      username: Type.Optional(Text),
      passwordFile: Type.Optional(Text),
      certificateFile: Type.Optional(Text),
      keyFile: Type.Optional(Text),
      networks: Type.Array(
        Type.Object(
          {
            id: Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }),
            listen,
            trustedProxies: Type.Optional(Type.Array(Text)),
          },
          { additionalProperties: false },
        ),
        { minItems: 1 },
      ),
    },
    { additionalProperties: false },
  )
}

/** A front end of a cloud that is not ours, and where the guests of its networks ask. */
export interface ServedFrontEnd extends FrontEndSettings {
  readonly listeners: readonly NetworkListener[]
}

type Table = Static<ReturnType<typeof metadataFromTable>>

/** @throws {CloudError} invalid naming the key, where tables have one name, two networks one listener, or a proxy is no address */
export function toMetadataFrom(
  tables: readonly Table[],
  toListen: (text: string) => { readonly host: string; readonly port: number },
): readonly ServedFrontEnd[] {
  const taken = new Set<string>()
  const claim = (what: string, why: string): void => {
    if (taken.has(what)) throw refused(why)
    taken.add(what)
  }
  return tables.map(({ networks, name: given, ...settings }) => {
    const name = given ?? settings.driver
    claim(`name ${name}`, `name: two tables are called "${name}"; give each a name of its own`)
    const listeners = networks.map(({ id, listen, trustedProxies }) => {
      const at = toListen(listen)
      if (at.port !== 0)
        claim(
          `listen ${listen}`,
          `networks.listen: two networks have ${listen}; a guest is known by its address alone, so give each a listener of its own`,
        )
      checkProxies(trustedProxies ?? [])
      return { network: String(id), ...at, ...(trustedProxies ? { trustedProxies } : {}) }
    })
    return { ...settings, name, listeners }
  })
}

function checkProxies(networks: readonly string[]): void {
  try {
    within(networks)
  } catch (error) {
    throw new CloudError('invalid', `configuration: metadata.from.networks.${reasonOf(error)}`, { cause: error })
  }
}

function refused(why: string): CloudError {
  return new CloudError('invalid', `configuration: metadata.from.${why}`)
}
