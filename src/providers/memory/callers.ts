import { CloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { TokenIssuer } from '../provider.ts'
import type { FaultInjector } from './faults.ts'

/** People who have tokens for a cloud in memory. */
export interface MemoryCallers {
  readonly issuer: string
  /** By token; whoever is taken out has one that is good no longer. */
  readonly known: ReadonlyMap<string, Omit<Caller, 'credential'>>
}

/** Who comes with a token of this cloud. */
export function memoryIssuer({ issuer, known }: MemoryCallers): TokenIssuer {
  return {
    issuer,
    caller: async (token) => {
      const owner = known.get(token)
      if (owner) return { ...owner, credential: { issuer, token } }
      throw new CloudError('unauthenticated', 'the token is refused')
    },
  }
}

/** Lets nothing be done without a token that is good. */
export function withTokens({ known }: MemoryCallers, faults: FaultInjector): FaultInjector {
  return {
    ...faults,
    run: (method, call, task) =>
      faults.run(method, call, () => {
        if (call.credential && known.has(call.credential.token)) return task()
        throw new CloudError('unauthenticated', `${method}: the caller's token is refused`)
      }),
  }
}
