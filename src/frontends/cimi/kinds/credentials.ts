import { toPublicKey, type PublicKey } from '../../../model/context.ts'
import { CloudError } from '../../../model/errors.ts'
import type { DocumentUseCases } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { idIn, partOf, textOf, toResource, withAttributes } from '../resource.ts'
import { referred, storedKind } from './stored.ts'

/** Keys that are given to machines. */
export function credentials(documents: DocumentUseCases): Kind {
  return storedKind(documents, {
    path: 'credentials',
    type: 'Credential',
    collection: 'CredentialCollection',
    link: 'credentials',
    createTypes: ['CredentialCreate', 'Credential'],
    toKept: async (wanted, exchange) => {
      const template = partOf(wanted, 'credentialTemplate')
      const id = template && idIn(template)
      const base =
        id === undefined
          ? undefined
          : await referred(documents, 'CredentialTemplate', 'credentialTemplate', id, exchange)
      const beside = withAttributes(base ?? toResource('CredentialTemplate', {}), partsSet(wanted))
      const given = template ? withAttributes(beside, partsSet(template)) : beside
      return { resource: toCredential(given, 'Credential', exchange) }
    },
  })
}

/** What credentials are made from. */
export function credentialTemplates(documents: DocumentUseCases): Kind {
  return storedKind(documents, {
    path: 'credential_templates',
    type: 'CredentialTemplate',
    collection: 'CredentialTemplateCollection',
    link: 'credentialTemplates',
    createTypes: ['CredentialTemplateCreate', 'CredentialTemplate'],
    toKept: async (wanted, exchange) => ({ resource: toCredential(wanted, 'CredentialTemplate', exchange) }),
  })
}

/**
 * The key that a machine's credential means, by reference, by value, or by a reference of which some is overridden.
 *
 * @throws {CloudError} invalid when there is no such credential, or it has no public key
 */
export async function toKey(
  documents: DocumentUseCases,
  credential: Resource,
  exchange: Pick<Exchange, 'caller' | 'warn'>,
): Promise<PublicKey> {
  const id = textOf(credential, 'key') === undefined ? idIn(credential) : undefined
  const kept = id === undefined ? credential : await referred(documents, 'Credential', 'credential', id, exchange)
  return keyIn(withAttributes(kept, partsSet(credential)), 'credential', exchange)
}

/** A credential as it is kept: no password is. */
function toCredential(given: Resource, type: 'Credential' | 'CredentialTemplate', exchange: Exchange): Resource {
  return toResource(type, { userName: textOf(given, 'userName'), key: keyIn(given, type, exchange).text })
}

function keyIn(given: Resource, field: string, { warn }: Pick<Exchange, 'warn'>): PublicKey {
  const key = textOf(given, 'key')
  const hasPassword = textOf(given, 'password') !== undefined
  if (key === undefined)
    throw new CloudError(
      'invalid',
      `${field}.key: missing; a public SSH key is expected${hasPassword ? ': passwords are not given to guests' : ''}`,
    )
  if (key.includes('PRIVATE KEY'))
    throw new CloudError(
      'invalid',
      `${field}.key: this is a private key; send the public one, and use the private no more`,
    )
  if (hasPassword) warn(`${field}.password is not given to the guest and not kept; the key is`)
  return toPublicKey(key, textOf(given, 'name'))
}

function partsSet(given: Resource): Parameters<typeof withAttributes>[1] {
  return { userName: textOf(given, 'userName'), password: textOf(given, 'password'), key: textOf(given, 'key') }
}
