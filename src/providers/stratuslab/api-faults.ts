import { CloudError } from '../../model/errors.ts'
import { quoteShort } from '../../wire/http-answer.ts'
import { FAULTS, rowOf, type OneRefusal, type RefusalRow } from '../one-refusals.ts'

interface LabRow extends RefusalRow {
  /** What is said where the front end's own words may not be repeated. */
  readonly why: string
}

/** All numbers that OpenNebula 3.2 has: mistakes in templates, quotas and leases share the last one. */
const FAILURES: readonly LabRow[] = [
  { number: 256, code: 'unauthenticated', why: 'it refuses the account' },
  { number: 512, says: /quota|limit of/i, code: 'conflict', why: 'a quota is used up' },
  { number: 512, code: 'forbidden', why: 'the account may not do this' },
  { number: 1024, code: 'not-found', why: 'there is no such thing' },
  { number: 2048, says: /is not supported/, code: 'unsupported', why: 'it knows no such action' },
  { number: 2048, code: 'conflict', why: 'the state does not allow it' },
  { number: 4096, code: 'invalid', why: 'a parameter is wrong' },
  {
    number: 8192,
    says: /pars(?:e|ing)|syntax|unknown disk type/i,
    code: 'invalid',
    why: 'it cannot read the template',
  },
  { number: 8192, says: /quota|limit of/i, code: 'conflict', why: 'a quota is used up' },
  { number: 8192, says: /lease/i, code: 'unavailable', why: 'the network has no address left, or is not there' },
]

/** What is never repeated. */
export interface Secrets {
  /** Of the login. */
  readonly secret: string
  /** Whether the user's own data were sent: then nothing of the answer is repeated. */
  readonly holdsData: boolean
}

/**
 * What a refusal means.
 *
 * @param what the call, for people: `stratuslab-lal: one.vm.info`
 * @see OpenNebula 3.2, XML-RPC API: error codes
 */
export function toCloudError(refusal: OneRefusal, what: string, secrets: Secrets): CloudError {
  const { by, number, message } = refusal
  if (by === 'library') {
    const code = rowOf(FAULTS, refusal)?.code ?? 'provider-failed'
    return new CloudError(code, `${what}: fault ${number}${quoted(message, secrets, '')}`)
  }
  const row = rowOf(FAILURES, refusal)
  const why = quoted(message, secrets, row?.why)
  return new CloudError(row?.code ?? 'provider-failed', `${what}: refused with code ${number}${why}`)
}

function quoted(message: string, { holdsData, secret }: Secrets, why: string | undefined): string {
  const said = quoteShort(message.replace(/^\[\w{1,60}\]\s*/, ''))
  const shown = holdsData || said.includes(secret) ? why : said
  return shown ? `: ${shown}` : ''
}
