import { readFile } from 'node:fs/promises'
import type { Config } from './config.ts'
import type { MetadataServer } from './deliveries/metadata-http.ts'
import { CloudError, reasonOf } from './model/errors.ts'
import type { Store } from './store/store.ts'

/**
 * How the metadata server listens in Nova's place.
 *
 * @throws {CloudError} invalid when the file of the secret cannot be read, or is empty
 */
export async function neutronListener(
  place: NonNullable<Config['metadata']['neutron']>[number],
  store: Pick<Store, 'listInstances'>,
): Promise<Parameters<MetadataServer['listen']>[0]> {
  const { providers, listen, sharedSecretFile, novaMetadataUrl, trustedProxies } = place
  return {
    ...listen,
    identity: {
      by: 'signature',
      sharedSecret: await readSecret(sharedSecretFile),
      find: async (remoteId) => {
        for (const provider of providers) {
          const [instance] = await store.listInstances({ provider, remoteId })
          if (instance) return { instanceId: instance.id, projectId: instance.facts.projectId }
        }
        return undefined
      },
      ...(trustedProxies ? { trustedProxies } : {}),
    },
    ...(novaMetadataUrl === undefined ? {} : { novaUrl: novaMetadataUrl }),
  }
}

async function readSecret(path: string): Promise<string> {
  const secret = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refused(`cannot read ${path} (${reasonOf(cause)})`, cause)
  })
  const line = secret.replace(/\r?\n$/, '')
  if (line === '') throw refused(`${path} is empty`)
  return line
}

function refused(why: string, cause?: unknown): CloudError {
  return new CloudError(
    'invalid',
    `configuration: metadata.neutron.sharedSecretFile: ${why}; put metadata_proxy_shared_secret of the agents there`,
    { cause },
  )
}
