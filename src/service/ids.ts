import { randomUUID } from 'node:crypto'
import { uuidOf } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Whether `id` can be one of ours. */
export function isOwnId(id: string): boolean {
  return UUID.test(id)
}

/** Where the id of something new comes from. */
export interface IdChoice {
  /** A UUID in lower case that the client chose. */
  readonly id?: string | undefined
  /** Repeated by a client that repeats its request; names one thing for each project. */
  readonly idempotencyKey?: string | undefined
}

/**
 * The id of something new: the one that its client chose, the one that belongs to its key, else a fresh one.
 *
 * @param owner what the key is kept for: a project, and what is made
 * @throws {CloudError} invalid when it is no UUID in lower case: ids become parts of paths and names
 */
export function newId({ id: chosen, idempotencyKey }: IdChoice = {}, ...owner: readonly string[]): string {
  if (chosen === undefined)
    return idempotencyKey === undefined ? randomUUID() : uuidOf(JSON.stringify([...owner, idempotencyKey]))
  if (isOwnId(chosen)) return chosen
  throw new CloudError('invalid', `id: "${chosen.slice(0, 100)}" is no UUID in lower case; leave it out to get one`)
}

/** What its cloud calls it. @throws {CloudError} conflict when it is not there yet, or not any more */
export function remoteIdOf({
  id,
  state,
  remoteId,
}: {
  readonly id: string
  readonly state: string
  readonly remoteId?: string
}): string {
  if (remoteId !== undefined && state !== 'deleting') return remoteId
  throw new CloudError('conflict', `${id} is ${state}; this needs one that is there`)
}
