import { CloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import { readGivenTokens } from './given-tokens.ts'
import type { Keystone } from './keystone.ts'
import { login } from './login.ts'
import { keepToken } from './own-token.ts'
import { openSession, type Session } from './session.ts'
import type { TokenOwner } from './token-facts.ts'

/** Who acts on a cloud: the site with its credential, or a caller with a token of his own. */
export interface Identity {
  /**
   * What a call may do: with its own token where it brings one, which is used as it is and for nothing else; otherwise with
   * the site's credential.
   *
   * @throws {CloudError} unauthenticated when the call's own token is refused; provider-failed when the site's credential
   *   is; unavailable, timeout, rate-limited
   */
  readonly session: (call: Call) => Promise<Session>
  /**
   * Whom a token stands for, as Keystone says; believed for five minutes at most.
   *
   * @throws {CloudError} unauthenticated when it is refused or for no project; unavailable, timeout, rate-limited,
   *   provider-failed
   */
  readonly tokenOwner: (token: string, call: Call) => Promise<TokenOwner>
}

/** @param now for tests */
export function createIdentity(keystone: Keystone, now: () => number = Date.now): Identity {
  const { name } = keystone
  const own = keepToken(`${name}: login`, (call) => login(keystone, call), now)
  const given = readGivenTokens(keystone, now)

  async function ownSession(call: Call): Promise<Session> {
    const refusal = (what: string) =>
      new CloudError('provider-failed', `${what}: a new token of the site's credential is refused too (401)`)
    const replace = (refused: Parameters<typeof own.another>[0]) => own.another(refused, call)
    return openSession(keystone, { token: await own.current(call), replace, refusal }, call)
  }

  async function givenSession(value: string, call: Call): Promise<Session> {
    const facts = await given.facts(value, call)
    const refusal = (what: string) => new CloudError('unauthenticated', `${what}: the caller's token is refused (401)`)
    const replace = () => {
      given.forget(value)
      return Promise.reject(refusal(name))
    }
    return openSession(keystone, { token: { ...facts, value }, replace, refusal }, call)
  }

  return {
    session: (call) => (call.credential ? givenSession(call.credential.token, call) : ownSession(call)),
    tokenOwner: async (token, call) => {
      const { user, project, roles, expiresAt } = await given.facts(token, call)
      return { user, project, roles, expiresAt }
    },
  }
}
