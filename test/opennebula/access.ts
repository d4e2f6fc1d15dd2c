import { createHash, randomBytes } from 'node:crypto'
import { refusal, type Owned, type Right, type User } from './model.ts'

/** How objects are called in messages. */
export type ObjectKind = 'TEMPLATE' | 'IMAGE' | 'NET' | 'VM' | 'USER'

const BIT: Readonly<Record<Right, number>> = { USE: 4, MANAGE: 2, ADMIN: 1 }
const TOKENS_MAX = 10

/** Whose session string it is: `user:password` or `user:token`, split at the first colon; `undefined` for nobody's. */
export function userOfSession(users: readonly User[], session: string): User | undefined {
  const colon = session.indexOf(':')
  if (colon === -1) return undefined
  const secret = session.slice(colon + 1)
  const user = users.find(({ name }) => name === session.slice(0, colon))
  if (user === undefined) return undefined
  const end = user.tokens.get(secret)
  const live = end !== undefined && (end === -1 || end > Date.now() / 1000)
  return secret === user.password || live ? user : undefined
}

/** Whether an account may do that with an object. */
export function may(user: User, right: Right, object: Owned): boolean {
  if (user.groupId === 0) return true
  const [owner = 0, group = 0, others = 0] = object.mode.split('').map(Number)
  const bits = (object.owner.id === user.id ? owner : 0) | (object.owner.groupId === user.groupId ? group : 0) | others
  return (bits & BIT[right]) !== 0
}

/** @throws {Refusal} 512 when the account may not */
export function demand(user: User, right: Right, kind: ObjectKind, object: Owned): void {
  if (!may(user, right, object))
    throw refusal(512, `User [${user.id}] : Not authorized to perform ${right} ${kind} [${object.id}].`)
}

/** @throws {Refusal} 512 when the account may make nothing of the kind */
export function demandCreate(user: User, kind: 'VM' | 'TEMPLATE'): void {
  if (user.groupId !== 0 && !user.creates.includes(kind))
    throw refusal(512, `User [${user.id}] : Not authorized to perform CREATE ${kind} .`)
}

/**
 * Makes, renews or revokes (0 seconds) a token; -1 is for ever.
 *
 * @throws {Refusal} 4096 when there are too many
 */
export function login(user: User, token: string, seconds: number): string {
  if (seconds === 0) {
    user.tokens.delete(token)
    return token
  }
  const now = Math.floor(Date.now() / 1000)
  for (const [known, end] of user.tokens) if (end !== -1 && end <= now) user.tokens.delete(known)
  if (user.tokens.size >= TOKENS_MAX) throw refusal(4096, 'Max number of tokens limit reached.')
  const made = token === '' ? randomBytes(32).toString('hex') : token
  user.tokens.set(made, seconds === -1 ? -1 : now + seconds)
  return made
}

/** What is shown of a password. */
export function passwordHash(password: string): string {
  return createHash('sha256').update(password).digest('hex')
}
