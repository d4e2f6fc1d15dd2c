import { pause } from '../call.ts'
import type { Call } from '../provider.ts'
import type { Token } from './token-facts.ts'

/** Keeps the one token that the site's credential gives. */
export interface OwnToken {
  /** One that is good for two minutes more. @throws {CloudError} as the login, or timeout when the call ends before it */
  readonly current: (call: Call) => Promise<Token>
  /** Another than `refused`, which a service did not take. @throws {CloudError} as `current` */
  readonly another: (refused: Token, call: Call) => Promise<Token>
}

// As keystoneauth has it (BaseIdentityPlugin.MIN_TOKEN_LIFE_SECONDS): time enough for a call and what it sets going.
const SHORTEST_LIFE_MS = 120_000

const LOGIN_MS = 60_000

/**
 * However many ask at once, there is one login. It belongs to none of them: a caller that gives up does not take the others
 * with it.
 *
 * @param what names the login for people
 */
export function keepToken(what: string, login: (call: Call) => Promise<Token>, now: () => number): OwnToken {
  let held: Token | undefined
  let running: Promise<Token> | undefined

  async function renew(): Promise<Token> {
    try {
      held = await login({ signal: new AbortController().signal, deadline: now() + LOGIN_MS })
      return held
    } catch (error) {
      // What is held may serve on while Keystone is in trouble.
      if (held && held.expiresAt > now()) return held
      throw error
    } finally {
      running = undefined
    }
  }

  const current = async (call: Call): Promise<Token> => {
    if (held && held.expiresAt - now() >= SHORTEST_LIFE_MS) return held
    running ??= renew()
    return within(running, call, what)
  }
  return {
    current,
    another: (refused, call) => {
      if (held?.value === refused.value) held = undefined
      return current(call)
    },
  }
}

/** Waits for what goes on by itself, as long as the call lasts. @throws {CloudError} timeout */
export async function within<T>(promise: Promise<T>, call: Call, what: string): Promise<T> {
  const done = new AbortController()
  const signal = AbortSignal.any([call.signal, done.signal])
  try {
    return await Promise.race([promise, pause(Infinity, { ...call, signal }, what).then(() => promise)])
  } finally {
    done.abort()
  }
}
