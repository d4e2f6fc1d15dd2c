import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { unlessGone } from '../outcome.ts'
import type { Session, ServiceRequest } from './session.ts'

// The account may be many people's: nobody guesses the rest of the name, our id of the instance.
const NAME_PREFIX = 'bellhop-'
const OURS = /^bellhop-[0-9a-f-]{36}$/

/**
 * Key pairs that servers are lent until they have the key in themselves; the account has few.
 *
 * @see Nova, Compute API: Keypairs
 */
export interface LentKeys {
  /** What the key of an instance of ours is called. */
  readonly nameFor: (ourId: string) => string
  /** The same key for the same instance again is no error. */
  readonly lend: (ourId: string, publicKey: string) => Promise<void>
  /** No error when it is gone. */
  readonly takeBack: (ourId: string) => Promise<void>
  /** Takes back what was lent before a time, in milliseconds since the epoch: no server needs it any more. */
  readonly takeBackOlder: (thanMs: number) => Promise<void>
}

const many = Compile(
  Type.Object({ keypairs: Type.Array(Type.Object({ keypair: Type.Object({ name: Type.String() }) })) }),
)
const one = Compile(Type.Object({ keypair: Type.Object({ created_at: Type.String() }) }))

/** @param minor of the microversion: 90 for 2.90 */
export function lentKeys(session: Session, minor: number): LentKeys {
  const ask = (request: ServiceRequest) => session.request('compute', { ...request, microversion: `2.${minor}` })
  const nameFor = (ourId: string): string => `${NAME_PREFIX}${ourId}`
  const drop = (name: string): Promise<void> => unlessGone(ask({ method: 'DELETE', path: pathOf(name) }))

  return {
    nameFor,
    lend: async (ourId, publicKey) => {
      const type = minor >= 2 ? { type: 'ssh' } : {}
      await ask({
        method: 'POST',
        path: '/os-keypairs',
        json: { keypair: { name: nameFor(ourId), public_key: publicKey, ...type } },
        accepts: [409],
        isSafe: true,
      })
    },
    takeBack: (ourId) => drop(nameFor(ourId)),
    takeBackOlder: async (thanMs) => {
      const json = (await ask({ method: 'GET', path: '/os-keypairs' })).json()
      const names = many.Check(json) ? json.keypairs.map(({ keypair }) => keypair.name) : []
      for (const name of names.filter((each) => OURS.test(each))) {
        const answer = await ask({ method: 'GET', path: pathOf(name), accepts: [404] })
        // Another of us may have taken it back meanwhile.
        const key = answer.status === 404 ? undefined : answer.json()
        if (one.Check(key) && timeOf(key.keypair.created_at) < thanMs) await drop(name)
      }
    },
  }
}

/** In milliseconds since the epoch, of OpenStack's times: they are UTC, and some do not say so. `NaN` of anything else. */
export function timeOf(text: string): number {
  return Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`)
}

function pathOf(name: string): string {
  return `/os-keypairs/${encodeURIComponent(name)}`
}
