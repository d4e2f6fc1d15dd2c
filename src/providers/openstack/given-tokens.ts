import { createHash } from 'node:crypto'
import { CloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import { toFault } from './faults.ts'
import type { Keystone } from './keystone.ts'
import { within } from './own-token.ts'
import { isToken, readTokenFacts, type TokenFacts } from './token-facts.ts'

/** Learns whom the tokens of callers stand for. No token is kept: only its SHA-256, and what it is good for. */
export interface GivenTokens {
  /**
   * @throws {CloudError} unauthenticated when the token is not known, expired, or for no project; unavailable, timeout,
   *   rate-limited, provider-failed
   */
  readonly facts: (token: string, call: Call) => Promise<TokenFacts>
  /** A service did not take it: the next look asks Keystone again. */
  readonly forget: (token: string) => void
}

// Each with its catalogue, which may have some 25 kB.
const MOST_KEPT = 500

// As long as OpenStack's own services believe in a token (keystonemiddleware's token_cache_time): it may be revoked.
const BELIEVED_MS = 300_000

const ASK_MS = 30_000

interface Kept {
  readonly facts: TokenFacts
  readonly until: number
}

/** @see Keystone, Identity API v3: Validate and show information for token */
export function readGivenTokens(keystone: Keystone, now: () => number): GivenTokens {
  // The one that was used longest ago stands first.
  const kept = new Map<string, Kept>()
  const running = new Map<string, Promise<TokenFacts>>()

  async function learn(token: string, key: string): Promise<TokenFacts> {
    try {
      const facts = await ask(keystone, token, { signal: new AbortController().signal, deadline: now() + ASK_MS })
      keep(key, { facts, until: Math.min(facts.expiresAt, now() + BELIEVED_MS) })
      return facts
    } finally {
      running.delete(key)
    }
  }

  function keep(key: string, entry: Kept): void {
    kept.delete(key)
    kept.set(key, entry)
    const [oldest] = kept.keys()
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest)
  }

  return {
    facts: async (token, call) => {
      if (!isToken(token)) throw refused(keystone, 'it is none')
      const key = hashOf(token)
      const known = kept.get(key)
      if (known && known.until > now()) {
        keep(key, known)
        return known.facts
      }
      kept.delete(key)
      const asked = running.get(key) ?? learn(token, key)
      running.set(key, asked)
      const facts = await within(asked, call, `${keystone.name}: token check`)
      if (facts.expiresAt <= now()) throw refused(keystone, 'it has expired')
      return facts
    },
    forget: (token) => void kept.delete(hashOf(token)),
  }
}

async function ask(keystone: Keystone, token: string, call: Call): Promise<TokenFacts> {
  const { name, settings, http } = keystone
  const what = `${name}: token check`
  const answer = await http.request({
    what,
    method: 'GET',
    url: `${settings.authUrl}/auth/tokens`,
    headers: { accept: 'application/json', 'x-auth-token': token, 'x-subject-token': token },
    call,
  })
  if (answer.status === 401 || answer.status === 404) throw refused(keystone, 'it is not known, or has expired')
  if (answer.status !== 200) throw toFault(what, answer)
  const facts = readTokenFacts(answer, what)
  // Nova would take one for no project, and show servers without their states.
  if (!facts) throw refused(keystone, 'it is for no project; get one for the project')
  return facts
}

function refused({ name }: Keystone, why: string): CloudError {
  return new CloudError('unauthenticated', `${name}: the token is refused: ${why}`)
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
