import { toAddress, within } from './metadata-addresses.ts'
import type { Asked, Identify, IdentifyPeer, MaybeLater } from './metadata-asked.ts'
import { headerValues } from './metadata-headers.ts'
import { normalisePath } from './metadata-path.ts'
import { bySignature, type SignatureIdentity } from './metadata-signature.ts'
import { instanceOfReportToken, instanceOfToken } from './metadata-token.ts'

/** The one way in which a listener knows who asks; whoever it does not know gets 404. */
export type Identity =
  | {
      /** The guest's address on the listener's network. */
      readonly by: 'address'
      /** The instance that has this address; asked once for a connection, where there is no proxy. */
      readonly find: (address: string) => MaybeLater<string | undefined>
      /** Addresses or networks (`10.0.0.0/8`) whose `X-Forwarded-For` counts; what comes from them without one is unknown. */
      readonly trustedProxies?: readonly string[]
    }
  /** `X-Instance-ID` and its HMAC-SHA256, as Neutron's metadata agents send them. */
  | ({ readonly by: 'signature' } & SignatureIdentity)
  /** `/seed/<token>/<file>` and `/report/<token>`, and nothing else: see `metadataToken` and `reportToken`. */
  | {
      readonly by: 'token'
      /** URLs to report to, as guests are given them, begin with `https:`. */
      readonly isHttps?: boolean
    }
  /** Whoever reaches the listener is this instance. */
  | { readonly by: 'socket'; readonly instanceId: string }

/**
 * @param secret signs the tokens of `by: 'token'`
 * @param log is told of what an operator should mend
 * @throws {CloudError} invalid when a proxy is no address, or the shared secret is empty
 */
export function createIdentity(
  identity: Identity,
  secret: Uint8Array,
  log: (line: string) => void = () => {},
): IdentifyPeer {
  if (identity.by === 'address') return byAddress(identity)
  if (identity.by === 'signature') return bySignature(identity, log)
  if (identity.by === 'token') return byToken(secret, identity.isHttps ?? false)
  const { instanceId } = identity
  return () => (path, headers) => ({ caller: instanceId, path, headers, throughProxy: false, isSafe: true })
}

function byAddress({ find, trustedProxies = [] }: Extract<Identity, { by: 'address' }>): IdentifyPeer {
  const isProxy = within(trustedProxies)
  return (peer) => {
    const address = toAddress(peer.remoteAddress ?? '')
    if (address === undefined) return unknown
    if (!isProxy(address)) return once(() => find(address))
    return (path, headers) => {
      const forwarded = forwardedFor(headers)
      const guest = forwarded.findLast((each) => each === undefined || !isProxy(each))
      return guest === undefined ? undefined : withCaller(find(guest), path, headers, forwarded.length === 1)
    }
  }
}

const unknown: Identify = () => undefined

/** A connection has one other end: what was found stays. */
function once(find: () => MaybeLater<string | undefined>): Identify {
  let caller: string | undefined
  return (path, headers) => {
    if (caller !== undefined) return withCaller(caller, path, headers, false)
    const found = find()
    if (!(found instanceof Promise)) return withCaller((caller = found), path, headers, false)
    return found.then((late) => withCaller((caller = late), path, headers, false))
  }
}

function withCaller(
  caller: MaybeLater<string | undefined>,
  path: string,
  headers: readonly string[],
  throughProxy: boolean,
): MaybeLater<Asked | undefined> {
  if (caller instanceof Promise) return caller.then((found) => withCaller(found, path, headers, throughProxy))
  return caller === undefined ? undefined : { caller, path, headers, throughProxy }
}

/** The addresses of all `X-Forwarded-For`, nearest to us last; `undefined` for what is none. */
function forwardedFor(headers: readonly string[]): readonly (string | undefined)[] {
  const values = headerValues(headers, 'x-forwarded-for')
  const [only] = values
  if (values.length === 1 && only !== undefined && !only.includes(',')) return [toAddress(only)]
  return values.flatMap((value) => value.split(',')).map((each) => toAddress(each.trim()))
}

const WITH_TOKEN = /^(?:seed\/([^/]+)((?:\/[\w-]+)?)|report\/([^/]+))$/

function byToken(secret: Uint8Array, isHttps: boolean): IdentifyPeer {
  const identify: Identify = (target, headers) => {
    const [, forSeed, file, forReport] = WITH_TOKEN.exec(normalisePath(target) ?? '') ?? []
    const reader = forSeed === undefined ? undefined : instanceOfToken(secret, forSeed)
    if (reader !== undefined) return { caller: reader, path: `/seed${file}`, headers, throughProxy: false }
    const reporter = forReport === undefined ? undefined : instanceOfReportToken(secret, forReport)
    if (forReport === undefined || reporter === undefined) return undefined
    // The other sort of token may have been seen on its way to where the data are read.
    const isSafe = isHttps && instanceOfToken(secret, forReport) === undefined
    return { caller: reporter, path: '/report', headers, throughProxy: false, isSafe }
  }
  return () => identify
}
