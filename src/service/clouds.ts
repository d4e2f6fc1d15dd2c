import type { Provider } from '../providers/provider.ts'
import { tokenAuthenticator } from './access.ts'
import type { Authenticate } from './callers.ts'
import { callWithin } from './parts.ts'

/** Who may ask as the cloud of a provider: whoever has the token, or is the cloud's own user. */
export interface CloudAccess {
  readonly provider: string
  readonly tokenSha256?: string
  readonly serviceUserId?: string
}

// Nova gives up after five seconds.
const ASK_MS = 4000

/**
 * Tells, for each provider that has any, who asks as its cloud.
 *
 * @param providers whose Keystones know the clouds' own users
 */
export function cloudAuthenticators(
  accesses: readonly CloudAccess[],
  providers: ReadonlyMap<string, Pick<Provider, 'tokens'>>,
): ReadonlyMap<string, Authenticate> {
  const byProvider = Map.groupBy(accesses, ({ provider }) => provider)
  return new Map([...byProvider].map(([name, own]) => [name, authenticatorOf(name, own, providers.get(name)?.tokens)]))
}

function authenticatorOf(name: string, accesses: readonly CloudAccess[], keystone: Provider['tokens']): Authenticate {
  const known = tokenAuthenticator(
    accesses.flatMap(({ tokenSha256 }) =>
      tokenSha256 === undefined ? [] : [{ sha256: tokenSha256, subject: 'vendordata', project: name }],
    ),
  )
  const users = accesses.flatMap(({ serviceUserId }) => serviceUserId ?? [])
  return async (token) => {
    const ours = await known(token)
    if (ours || !keystone || users.length === 0) return ours
    const caller = await keystone.caller(token, callWithin(ASK_MS, []))
    return users.some((id) => caller.subject === `${keystone.issuer}/${id}`) ? caller : undefined
  }
}
