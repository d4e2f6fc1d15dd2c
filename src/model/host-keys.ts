import type { ContextEvent } from './events.ts'

/** By what an instance's SSH server is known. */
interface HostKeys {
  /** Type and base64 of each, as in known_hosts. */
  readonly keys: readonly string[]
  /** They came by the instance's own link or over https: nobody on the way can have put in his own. */
  readonly verified: boolean
}

/**
 * The host keys that a guest told. It tells them once in its life, early, and what runs in it later may speak too: so of one
 * revision, whose data may have made it another guest, the first word stands; one that is verified outranks one that is not.
 *
 * @returns `undefined` where none were told
 */
export function hostKeysOf(events: readonly ContextEvent[]): HostKeys | undefined {
  const told = events.filter(({ hostKeys }) => hostKeys !== undefined)
  const revision = Math.max(...told.map((event) => event.revision))
  const last = told.filter((event) => event.revision === revision)
  const { hostKeys, hostKeysVerified } = last.find((event) => event.hostKeysVerified) ?? last[0] ?? {}
  return hostKeys && { keys: hostKeys, verified: hostKeysVerified === true }
}
