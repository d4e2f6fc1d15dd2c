import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { CloudError } from '../model/errors.ts'
import { headerValues } from './metadata-headers.ts'
import { normalisePath } from './metadata-path.ts'
import { instanceOfToken } from './metadata-token.ts'

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
  | {
      /** `X-Instance-ID` and its HMAC-SHA256, as Neutron's metadata agent sends them. */
      readonly by: 'signature'
      readonly sharedSecret: string
    }
  /** `/seed/<token>/<file>` and `/report/<token>`, and nothing else: see `metadataToken`. */
  | { readonly by: 'token' }
  /** Whoever reaches the listener is this instance. */
  | { readonly by: 'socket'; readonly instanceId: string }

/** What may take its time; a promise costs, so what is at hand comes as it is. */
export type MaybeLater<T> = T | Promise<T>

/** Who asks, and for what. */
export interface Asked {
  readonly caller: string
  /** The target, without what only told who asks. */
  readonly path: string
  readonly headers: readonly string[]
  /** A proxy of ours handed it on, and told of it in one `X-Forwarded-For`. */
  readonly throughProxy: boolean
}

/** Finds who asks with one request; `undefined` where that cannot be known. */
type Identify = (target: string, headers: readonly string[]) => MaybeLater<Asked | undefined>

/** Makes an {@link Identify} for each connection of a listener. */
export type IdentifyPeer = (peer: { readonly remoteAddress?: string | undefined }) => Identify

/**
 * @param secret signs the tokens of `by: 'token'`
 * @throws {CloudError} invalid when a proxy is no address, or the shared secret is empty
 */
export function createIdentity(identity: Identity, secret: Uint8Array): IdentifyPeer {
  if (identity.by === 'address') return byAddress(identity)
  if (identity.by === 'signature') return bySignature(identity.sharedSecret)
  if (identity.by === 'token') return byToken(secret)
  return () => (path, headers) => ({ caller: identity.instanceId, path, headers, throughProxy: false })
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

/** An IP address in one form: without brackets, port, zone or IPv6's cover over an IPv4 address. */
function toAddress(text: string): string | undefined {
  if (isIP(text) === 4) return text
  const [, inBrackets, withPort] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(text) ?? []
  const address = (inBrackets ?? withPort ?? text).replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '')
  return isIP(address) === 0 ? undefined : address.toLowerCase()
}

function within(networks: readonly string[]): (address: string) => boolean {
  const addresses = new Set(networks.map(toAddress))
  const subnets = networks.filter((network) => toAddress(network) === undefined)
  const list = new BlockList()
  for (const subnet of subnets) addSubnet(list, subnet)
  return (address) =>
    addresses.has(address) || (subnets.length > 0 && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))
}

function addSubnet(list: BlockList, subnet: string): void {
  const [address = '', prefixLength = ''] = subnet.split('/')
  const version = isIP(address)
  if (version === 0 || !/^\d{1,3}$/.test(prefixLength) || Number(prefixLength) > (version === 6 ? 128 : 32))
    throw new CloudError(
      'invalid',
      `trustedProxies: "${subnet}" is neither an address nor a network such as 10.0.0.0/8`,
    )
  list.addSubnet(address, Number(prefixLength), version === 6 ? 'ipv6' : 'ipv4')
}

/**
 * As neutron's agent signs; what it says of the project is not looked at, for our ids are the instances' alone.
 *
 * @see https://docs.openstack.org/neutron/latest/configuration/metadata-agent.html (`metadata_proxy_shared_secret`)
 */
function bySignature(sharedSecret: string): IdentifyPeer {
  if (sharedSecret === '') throw new CloudError('invalid', 'sharedSecret: is empty, so anybody could sign')
  const identify: Identify = (path, headers) => {
    const [caller, ...otherCallers] = headerValues(headers, 'x-instance-id')
    const [signature, ...otherSignatures] = headerValues(headers, 'x-instance-id-signature')
    if (caller === undefined || signature === undefined || otherCallers.length + otherSignatures.length > 0)
      return undefined
    if (!/^[0-9a-f]{64}$/.test(signature)) return undefined
    const wanted = createHmac('sha256', sharedSecret).update(caller).digest()
    if (!timingSafeEqual(wanted, Buffer.from(signature, 'hex'))) return undefined
    return { caller, path, headers, throughProxy: false }
  }
  return () => identify
}

const WITH_TOKEN = /^(?:seed\/([^/]+)((?:\/[\w-]+)?)|report\/([^/]+))$/

function byToken(secret: Uint8Array): IdentifyPeer {
  const identify: Identify = (target, headers) => {
    const [, seedToken, file, reportToken] = WITH_TOKEN.exec(normalisePath(target) ?? '') ?? []
    const token = seedToken ?? reportToken
    const caller = token === undefined ? undefined : instanceOfToken(secret, token)
    if (caller === undefined) return undefined
    return { caller, path: file === undefined ? '/report' : `/seed${file}`, headers, throughProxy: false }
  }
  return () => identify
}
