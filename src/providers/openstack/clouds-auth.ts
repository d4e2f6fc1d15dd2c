import type { Entry } from './clouds-entry.ts'

/** How a domain, user or project is named: by its id, or by its name (in a domain). */
type DomainRef = { readonly id: string } | { readonly name: string }
type ScopedRef = { readonly id: string } | { readonly name: string; readonly domain: DomainRef }

/** How we show a Keystone who we are. Holds secrets. */
export type Auth =
  | { readonly method: 'password'; readonly user: ScopedRef; readonly password: string; readonly project: ScopedRef }
  | { readonly method: 'application-credential'; readonly credential: CredentialRef; readonly secret: string }
  | { readonly method: 'token'; readonly token: string; readonly project: ScopedRef }
  | {
      readonly method: 'oidc-access-token'
      readonly identityProvider: string
      /** Tried in this order. */
      readonly protocols: readonly string[]
      readonly accessToken: string
      readonly project: ProjectWish
    }

/** An application credential: by its id, or by its name and its user. */
type CredentialRef = { readonly id: string } | { readonly name: string; readonly user: ScopedRef }

/** One of the projects that a federated user has; a name may be that of a virtual organisation. */
export type ProjectWish = { readonly id: string } | { readonly name: string; readonly domain?: DomainRef }

type Reader = (entry: Entry) => Auth

const password: Reader = (entry) => ({
  method: 'password',
  user: scoped(entry, 'user'),
  password: needed(entry, 'password'),
  project: scoped(entry, 'project'),
})

const token: Reader = (entry) => ({
  method: 'token',
  token: needed(entry, 'token'),
  project: scoped(entry, 'project'),
})

// Its project is bound to it: a scope beside it would be refused.
const applicationCredential: Reader = (entry) => {
  const id = entry.authText('application_credential_id')
  const secret = needed(entry, 'application_credential_secret')
  if (id !== undefined) return { method: 'application-credential', credential: { id }, secret }
  const name = entry.authText('application_credential_name')
  if (name === undefined)
    throw entry.invalid(
      'auth.application_credential_id',
      'is missing; application_credential_name with a user would do too',
    )
  return { method: 'application-credential', credential: { name, user: scoped(entry, 'user') }, secret }
}

const oidcAccessToken: Reader = (entry) => {
  const protocol = entry.authText('protocol')
  return {
    method: 'oidc-access-token',
    identityProvider: needed(entry, 'identity_provider'),
    // Sites of EGI have the one or the other.
    protocols: protocol === undefined ? ['openid', 'oidc'] : [protocol],
    accessToken: needed(entry, 'access_token'),
    project: projectWish(entry),
  }
}

const READERS: Readonly<Record<string, Reader>> = {
  password,
  v3password: password,
  token,
  v3token: token,
  v3applicationcredential: applicationCredential,
  v3oidcaccesstoken: oidcAccessToken,
}

/**
 * @throws {CloudError} invalid naming what is missing
 * @see keystoneauth, Authentication Plugins; Keystone, Identity API v3: Authentication and token management
 */
export function toAuth(entry: Entry): Auth {
  const type = entry.text('auth_type') ?? 'password'
  const reader = Object.hasOwn(READERS, type) ? READERS[type] : undefined
  if (reader) return reader(entry)
  throw entry.invalid('auth_type', `must be one of ${Object.keys(READERS).join(', ')}`)
}

function needed(entry: Entry, key: string): string {
  const value = entry.authText(key)
  if (value === undefined) throw entry.invalid(`auth.${key}`, 'is missing')
  return value
}

function scoped(entry: Entry, kind: 'user' | 'project'): ScopedRef {
  const id = entry.authText(`${kind}_id`)
  if (id !== undefined) return { id }
  const key = kind === 'user' ? 'username' : 'project_name'
  const name = entry.authText(key) ?? (kind === 'user' ? entry.authText('user_name') : undefined)
  if (name === undefined) throw entry.invalid(`auth.${key}`, `is missing; ${kind}_id would do too`)
  const domain = domainOf(entry, kind)
  if (domain) return { name, domain }
  throw entry.invalid(
    `auth.${kind}_domain_name`,
    `is missing: ${key} says nothing without its domain; give it, or ${kind}_id`,
  )
}

function domainOf(entry: Entry, kind: 'user' | 'project'): DomainRef | undefined {
  for (const prefix of [kind, 'default']) {
    const id = entry.authText(`${prefix}_domain_id`)
    if (id !== undefined) return { id }
    const name = entry.authText(`${prefix}_domain_name`)
    if (name !== undefined) return { name }
  }
  return undefined
}

function projectWish(entry: Entry): ProjectWish {
  const id = entry.authText('project_id')
  if (id !== undefined) return { id }
  const name = needed(entry, 'project_name')
  const domain = domainOf(entry, 'project')
  return domain ? { name, domain } : { name }
}
