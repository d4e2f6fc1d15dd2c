import { timingSafeEqual } from 'node:crypto'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Store } from '../store/store.ts'

/** A token that may call, known by its SHA-256 alone. */
export interface KnownToken extends Omit<Caller, 'role'> {
  /** In hex. */
  readonly sha256: string
  readonly role?: Caller['role']
}

/** The issuer of callers whom the configuration names. */
const LOCAL = 'local'

/**
 * Tells whose a token is. Subjects and projects of the configuration are `local/<name>`, so that no other issuer's can be
 * taken for them.
 */
export function tokenAuthenticator(tokens: readonly KnownToken[]): (token: string) => Promise<Caller | undefined> {
  const known = tokens.map((token) => ({ digest: Buffer.from(token.sha256, 'hex'), caller: toCaller(token) }))
  return async (token) => {
    const digest = Buffer.from(sha256(Buffer.from(token, 'utf8')), 'hex')
    return known.find((each) => timingSafeEqual(each.digest, digest))?.caller
  }
}

function toCaller({ subject, project, role = 'member' }: KnownToken): Caller {
  return { subject: `${LOCAL}/${subject}`, project: `${LOCAL}/${project}`, role }
}

/** @throws {CloudError} forbidden when the caller may only look */
export function requireMember({ role }: Caller): void {
  if (role !== 'member')
    throw new CloudError('forbidden', 'your role here is reader: it changes nothing; ask for the role member')
}

/**
 * An instance of the caller's project. What is another's answers as what is not there.
 *
 * @throws {CloudError} not-found
 */
export async function ownInstance(store: Store, id: string, { project }: Caller): Promise<Instance> {
  const instance = await store.getInstance(id)
  if (instance?.project === project) return instance
  throw new CloudError('not-found', `there is no instance ${id.slice(0, 100)}`)
}
