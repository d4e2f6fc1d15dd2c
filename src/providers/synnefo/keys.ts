import { Buffer } from 'node:buffer'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import { unlessGone } from '../outcome.ts'
import type { Session } from './session.ts'

/** So many key pairs an account may have. @see Synnefo, settings: USERDATA_MAX_SSH_KEYS_PER_USER */
export const KEYS_MAX = 10

/**
 * Key pairs that servers are lent while they are made: Synnefo reads them then, and never again. The account has few.
 *
 * @see Synnefo, Compute API: Keypairs
 */
export interface LentKeys {
  /** What the keys of an instance are called. */
  readonly namesFor: (ourId: string, publicKeys: readonly string[]) => readonly string[]
  /** The same keys for the same instance again are no error. @throws {CloudError} conflict where the account has too many */
  readonly lend: (ourId: string, publicKeys: readonly string[]) => Promise<void>
  /** All of an instance's. No error when there are none. */
  readonly takeBack: (ourId: string) => Promise<void>
}

const many = Compile(
  Type.Object({ keypairs: Type.Array(Type.Object({ keypair: Type.Object({ name: Type.String() }) })) }),
)

export function lentKeys(session: Session, provider: string): LentKeys {
  const namesFor: LentKeys['namesFor'] = (ourId, publicKeys) =>
    publicKeys.map((_key, index) => `${prefixOf(ourId)}${index}`)

  async function lendOne(name: string, publicKey: string): Promise<void> {
    const answer = await session.request('compute', {
      method: 'POST',
      path: '/os-keypairs',
      json: { keypair: { name, public_key: publicKey } },
      accepts: [409, 500],
      isSafe: true,
    })
    if (answer.status !== 500) return
    // The only refusal that comes as plain text.
    if (Buffer.from(answer.bytes).includes('limit exceeded'))
      throw new CloudError(
        'conflict',
        `publicKeys: the account at ${provider} has all the key pairs that it may have (${KEYS_MAX}, unless the site says otherwise); delete one there, or try again in a moment`,
      )
    throw new CloudError('provider-failed', `${provider}: compute POST /os-keypairs: answers 500`)
  }

  return {
    namesFor,
    lend: async (ourId, publicKeys) => {
      for (const [index, name] of namesFor(ourId, publicKeys).entries()) await lendOne(name, publicKeys[index] ?? '')
    },
    takeBack: async (ourId) => {
      const answer = await session.request('compute', { method: 'GET', path: '/os-keypairs', accepts: [400, 404] })
      const json = answer.status === 200 ? answer.json() : undefined
      const names = many.Check(json) ? json.keypairs.map(({ keypair }) => keypair.name) : []
      for (const name of names.filter((each) => each.startsWith(prefixOf(ourId))))
        await unlessGone(
          session.request('compute', { method: 'DELETE', path: `/os-keypairs/${encodeURIComponent(name)}` }),
        )
    },
  }
}

/** The account may be many people's: nobody guesses our id. */
function prefixOf(ourId: string): string {
  return `bellhop-${ourId}-`
}
