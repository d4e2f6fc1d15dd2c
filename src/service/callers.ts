import { CloudError } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { TokenIssuer } from '../providers/provider.ts'
import { callWithin } from './parts.ts'

/** Who lets callers in besides the configuration's own tokens. */
export interface CallerIssuers {
  /** By the name of their provider. */
  readonly issuers: ReadonlyMap<string, TokenIssuer>
  /** The one that a token is shown to where the caller names none. */
  readonly challenge?: string
}

/** Tells whose a token is. */
export type Authenticate = (token: string, issuerName?: string) => Promise<Caller | undefined>

const ASK_MS = 10_000

/**
 * Asks the configuration's tokens first, then one Keystone: the one that the caller names, else the one of the challenge. No
 * token is ever shown to a second, whose operator could use it.
 *
 * @throws {CloudError} unauthenticated, and why Keystone refuses it; unavailable, timeout, rate-limited, provider-failed
 *   when it cannot be asked
 */
export function callerAuthenticator(own: Authenticate, { issuers, challenge }: CallerIssuers): Authenticate {
  return async (token, issuerName) => {
    const known = await own(token)
    if (known) return known
    const named = issuerName === undefined ? undefined : issuers.get(issuerName)
    const issuer = named ?? (challenge === undefined ? undefined : issuers.get(challenge))
    return await issuer?.caller(token, callWithin(ASK_MS, []))
  }
}

/**
 * The Keystones whose tokens are good here: those of providers that are asked with their callers' own, and the one that
 * clients are told of.
 *
 * @param wanted `auth.challenge`; absent: the only one, where there is one
 * @throws {CloudError} invalid when it names no provider that gives tokens
 */
export function chooseIssuers(
  providers: ReadonlyMap<
    string,
    { readonly tokens?: TokenIssuer; readonly capabilities: { readonly rights?: 'caller' } }
  >,
  wanted: string | undefined,
): CallerIssuers {
  const issuers = new Map(
    [...providers].flatMap(([name, { tokens, capabilities }]) =>
      tokens && (capabilities.rights === 'caller' || name === wanted) ? [[name, tokens] as const] : [],
    ),
  )
  if (wanted !== undefined && !issuers.has(wanted))
    throw new CloudError(
      'invalid',
      `configuration: auth.challenge: "${wanted}" is no provider whose cloud gives tokens; name one with driver = "openstack"`,
    )
  const [only] = issuers.keys()
  const challenge = wanted ?? (issuers.size === 1 ? only : undefined)
  return challenge === undefined ? { issuers } : { issuers, challenge }
}
