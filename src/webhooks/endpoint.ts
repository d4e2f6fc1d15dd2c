import { Resolver } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { CloudError } from '../model/errors.ts'
import { allowedAddresses } from './addresses.ts'

/** Where webhooks may go. */
export interface EndpointRules {
  /** Networks that are not public, and yet may be reached (`10.0.0.0/8`). */
  readonly allowPrivate: readonly string[]
  /** Whether `http:` is taken, by which all between us and the receiver can read. */
  readonly allowHttp: boolean
}

/** Asks the DNS for all addresses of a host name. */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>

/** The judge of URLs. */
export interface Endpoints {
  /** The URL as it is kept. @throws {CloudError} invalid when no webhook may go there, as far as the URL itself tells */
  readonly check: (url: string) => string
  /**
   * The addresses behind a URL, asked for once: every one of them may be gone to, or there are none. Nothing tells a host name that
   * does not exist from one that must not be gone to, so that nobody reads our DNS this way.
   */
  readonly addresses: (url: string, signal: AbortSignal) => Promise<readonly string[]>
}

const URL_MAX = 2000

/**
 * Judges where webhooks go, before and after their host name is resolved.
 *
 * @throws {CloudError} invalid when `allowPrivate` has what is no network
 */
export function endpoints({ allowPrivate, allowHttp }: EndpointRules, resolve: Resolve = resolveByDns): Endpoints {
  const isAllowed = allowedAddresses(allowPrivate)
  const refuse = (why: string): CloudError => new CloudError('invalid', `url: ${why}`)
  return {
    check(text) {
      if (text.length > URL_MAX) throw refuse(`has ${text.length} characters; at most ${URL_MAX} are kept`)
      const url = URL.parse(text)
      if (!url) throw refuse('is none; give it whole, as https://portal.example.org/hook')
      if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowHttp))
        throw refuse(
          `begins with ${url.protocol.slice(0, 20)}//; webhooks here go to ${allowHttp ? 'http: or ' : ''}https: only`,
        )
      if (url.username !== '' || url.password !== '')
        throw refuse('names a user; what is sent is signed, and needs no password')
      if (url.hash !== '') throw refuse('has a # part, which is never sent; leave it out')
      const address = literalOf(url)
      if (address !== undefined && !isAllowed(address))
        throw refuse(`${address} is no address that webhooks may go to; the site allows it with webhooks.allowPrivate`)
      return url.href
    },
    async addresses(text, signal) {
      const url = new URL(text)
      const literal = literalOf(url)
      const found = literal === undefined ? await resolve(url.hostname, signal).catch(() => []) : [literal]
      return found.every(isAllowed) ? found : []
    },
  }
}

/** The address in place of a host name, in one form: URLs write `127.1` and `0x7f000001` as `127.0.0.1`. */
function literalOf({ hostname }: URL): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1')
  return isIP(bare) === 0 ? undefined : bare
}

const DNS_TRY_MS = 3000

// Not the system's resolver: it holds a thread for as long as a server of the user's does not answer, and there are four.
async function resolveByDns(host: string, signal: AbortSignal): Promise<readonly string[]> {
  const resolver = new Resolver({ timeout: DNS_TRY_MS, tries: 2 })
  const cancel = (): void => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const asked = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
    return asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Answers a connection's question for an address with those that were checked, whatever the DNS says by then. */
export function pinned(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, { all: wantsAll }, callback) => {
    const [first] = all
    if (wantsAll === true) callback(null, all)
    else callback(null, first?.address ?? '', first?.family)
  }
}
