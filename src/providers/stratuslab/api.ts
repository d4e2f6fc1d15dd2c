import type { HttpClient } from '../../wire/http.ts'
import { AGAIN, ONCE, oneClient } from '../one-client.ts'
import { childrenOf } from '../one-xml.ts'
import type { Call } from '../provider.ts'
import { readNetwork, readVm, type LabNetwork, type LabVm } from './api-bodies.ts'
import { toCloudError } from './api-faults.ts'
import { sessionOf, type Login } from './endpoint.ts'
import { withLogin } from './login.ts'

/** Where a StratusLab is, and who asks it. */
export interface StratusLabApiOptions {
  /** With the path of the kind of login in it. */
  readonly url: string
  readonly login: Login
  readonly http: HttpClient
  /** The provider's name; errors begin with it. */
  readonly name: string
}

/**
 * The calls that StratusLab's own client makes, in the form of OpenNebula 3.2. What reads and `finalize` is repeated where the way
 * there has trouble; of all else, `unavailable` and `timeout` mean that nobody knows whether it was done.
 *
 * @throws {CloudError} from every call: unauthenticated, forbidden, not-found, conflict, invalid, unsupported, unavailable,
 *   timeout, rate-limited, provider-failed; no message holds a credential or what a template says
 * @see OpenNebula 3.2, XML-RPC API
 */
export interface StratusLabApi {
  /** @returns the id of the new VM */
  readonly allocate: (template: string, call: Call) => Promise<number>
  /** One that was deleted is there, in state 6; not-found is what never was. */
  readonly vm: (id: number, call: Call) => Promise<LabVm>
  /** The account's own, whole. @param which all but those that are deleted, or these too */
  readonly vms: (which: 'there' | 'ever', call: Call) => Promise<readonly LabVm[]>
  /** Begins an action (`suspend`, `resume`, `finalize` …); what it changes follows later. */
  readonly act: (id: number, action: string, call: Call) => Promise<void>
  /** All that may be used. */
  readonly networks: (call: Call) => Promise<readonly LabNetwork[]>
}

const MINE = -3
const ALL_USABLE = -2
const ALL_IDS = [-1, -1] as const
const STATES = { there: -1, ever: -2 } as const

const ALLOCATE = 'one.vm.allocate'

/** StratusLab's calls, made with one credential. */
export function stratusLabApi({ url, login, http, name }: StratusLabApiOptions): StratusLabApi {
  const session = sessionOf(login)
  const secret = login === 'certificate' ? session : login.password
  const { ask, read, make } = oneClient({
    url,
    session,
    http: withLogin(http, login),
    name,
    explain: (refusal, { what, method }) => toCloudError(refusal, what, { secret, holdsData: method === ALLOCATE }),
  })

  return {
    allocate: (template, call) => make(ALLOCATE, [template], call),
    vm: (id, call) => read(['one.vm.info', id], 'VM', readVm, call),
    vms: (which, call) =>
      read(
        ['one.vmpool.info', MINE, ...ALL_IDS, STATES[which]],
        'VM_POOL',
        (pool) => childrenOf(pool, 'VM').map(readVm),
        call,
      ),
    act: async (id, action, call) => {
      await ask('one.vm.action', [action, id], action === 'finalize' ? AGAIN : ONCE, call)
    },
    networks: (call) =>
      read(
        ['one.vnpool.info', ALL_USABLE, ...ALL_IDS],
        'VNET_POOL',
        (pool) => childrenOf(pool, 'VNET').map(readNetwork),
        call,
      ),
  }
}
