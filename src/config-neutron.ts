import { resolve } from 'node:path'
import { Type, type Static } from 'typebox'
import { within } from './deliveries/metadata-addresses.ts'
import { CloudError, reasonOf } from './model/errors.ts'

/** One table of `[[metadata.neutron]]`; `listen` is the pattern of addresses that the whole configuration has. */
export function neutronTable<L extends ReturnType<typeof Type.String>>(listen: L) {
  return Type.Object(
    {
      providers: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
      listen,
      sharedSecretFile: Type.String({ minLength: 1 }),
      novaMetadataUrl: Type.Optional(Type.String({ pattern: '^https?://[^\\s/?#@]+/?$' })),
      trustedProxies: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
      configDrive: Type.Optional(Type.Boolean()),
    },
    { additionalProperties: false },
  )
}

/** A listener in the place of Nova's metadata service, behind Neutron's metadata agents. */
export interface NeutronPlace<L> {
  /** Those in this cloud, by name: their instances are answered by us. */
  readonly providers: readonly string[]
  readonly listen: L
  /** Holds `metadata_proxy_shared_secret` of the agents and of Nova. */
  readonly sharedSecretFile: string
  /** The service that is asked for all other instances; absent: they get 404. */
  readonly novaMetadataUrl?: string
  /** Where the agents are. */
  readonly trustedProxies?: readonly string[]
  /** Whether guests get a config drive too, unasked: those that take it never ask us. */
  readonly configDrive: boolean
}

type Table = Static<ReturnType<typeof neutronTable>>

/** @throws {CloudError} invalid naming the key, where the tables do not fit to the rest of the configuration */
export function toNeutron<L>(
  tables: readonly Table[],
  rest: { readonly isEnabled: boolean; readonly providers: readonly string[]; readonly toListen: (text: string) => L },
): readonly NeutronPlace<L>[] {
  if (tables.length > 0 && !rest.isEnabled)
    throw refused(
      'metadata.neutron',
      'the metadata server is switched off; set metadata.enabled to true, or leave it out',
    )
  return tables.map(({ listen, sharedSecretFile, configDrive = true, ...table }) => {
    const stranger = table.providers.find((name) => !rest.providers.includes(name))
    if (stranger !== undefined)
      throw refused('metadata.neutron.providers', `there is no "${stranger}"; there are ${rest.providers.join(', ')}`)
    checkProxies(table.trustedProxies ?? [])
    return { ...table, listen: rest.toListen(listen), sharedSecretFile: resolve(sharedSecretFile), configDrive }
  })
}

function checkProxies(networks: readonly string[]): void {
  try {
    within(networks)
  } catch (error) {
    throw new CloudError('invalid', `configuration: metadata.neutron.${reasonOf(error)}`, { cause: error })
  }
}

function refused(key: string, why: string): CloudError {
  return new CloudError('invalid', `configuration: ${key}: ${why}`)
}
