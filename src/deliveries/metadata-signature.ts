import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ec2 } from '../layouts/ec2.ts'
import type { Context } from '../model/context.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import { listing } from '../model/files.ts'
import { toAddress, within } from './metadata-addresses.ts'
import type { Asked, Identify, IdentifyPeer, MaybeLater } from './metadata-asked.ts'
import { createBoundedCache } from './metadata-cache.ts'
import { headerValues } from './metadata-headers.ts'
import { normalisePath } from './metadata-path.ts'
import { replyOf, TEXT, textReply, type Reply } from './metadata-reply.ts'

/** How Neutron's metadata agents make themselves known. */
export interface SignatureIdentity {
  /** The agents' `metadata_proxy_shared_secret`. */
  readonly sharedSecret: string
  /** An instance of ours by the cloud's id; asked again until the project is the one that is signed for. */
  readonly find: (serverId: string) => Promise<KnownServer | undefined>
  /** Addresses or networks that may ask at all (default: this machine). */
  readonly trustedProxies?: readonly string[]
}

/** An instance that is ours. */
export interface KnownServer {
  readonly instanceId: string
  /** The cloud's own, as far as the cloud has told. */
  readonly projectId: string | undefined
}

const LOOPBACK = ['127.0.0.0/8', '::1']

/** Whom a server id and a project stand for: some ten thousand at hand. */
const KNOWN_MAX_BYTES = 4 * 1024 * 1024
const KNOWN_BYTES = 250

/** So many strangers are told of in the log. */
const STRANGERS_MAX = 100

const STRANGER = textReply(403, '403 Forbidden')
const BAD_SIGNATURE = textReply(403, 'Invalid proxy request signature.')

const NOBODY: Context = { guestId: '', facts: { launchIndex: 0 }, publicKeys: [], variables: {}, files: [] }
/** Nova tells it to anybody, and so load balancers ask for it. */
const ROOT = replyOf(200, TEXT, listing(ec2.render(NOBODY), '') ?? Buffer.alloc(0))

/**
 * As Nova has it: 400 where a header is missing, 403 where the signature is another. The signature is not of the project, which
 * a user has a hand in by making a port with a foreign `device_id`: who asks for another project than the instance's is
 * nobody that we know.
 *
 * @param log is told of addresses that are not trusted, and of a store that fails
 * @throws {CloudError} invalid when a proxy is no address, or the shared secret is empty
 * @see https://docs.openstack.org/neutron/latest/configuration/metadata-agent.html (`metadata_proxy_shared_secret`)
 */
export function bySignature(
  { sharedSecret, find, trustedProxies = LOOPBACK }: SignatureIdentity,
  log: (line: string) => void,
): IdentifyPeer {
  if (sharedSecret === '') throw new CloudError('invalid', 'sharedSecret: is empty, so anybody could sign')
  const isTrusted = within(trustedProxies)
  const known = createBoundedCache<string>(KNOWN_MAX_BYTES)
  const strangers = new Set<string>()

  function isSigned(serverId: string, signature: string): boolean {
    if (!/^[0-9a-f]{64}$/.test(signature)) return false
    const wanted = createHmac('sha256', sharedSecret).update(serverId).digest()
    return timingSafeEqual(wanted, Buffer.from(signature, 'hex'))
  }

  async function look(serverId: string, projectId: string, key: string): Promise<string | undefined> {
    let found: KnownServer | undefined
    try {
      found = await find(serverId)
    } catch (error) {
      // Where there is a Nova behind us, it knows the guest too.
      log(`metadata: whose server it is could not be looked up: ${reasonOf(error)}`)
    }
    if (found === undefined || found.projectId !== projectId) return undefined
    // A server never changes its project; one that is gone is gone for the handler too.
    known.set(key, found.instanceId, KNOWN_BYTES + key.length)
    return found.instanceId
  }

  const identify: Identify = (path, headers) => {
    if (normalisePath(path) === '') return ROOT
    const signed = signedIn(headers)
    if ('status' in signed) return signed
    const { serverId, signature, projectId } = signed
    if (!isSigned(serverId, signature)) return BAD_SIGNATURE
    const key = `${serverId} ${projectId}`
    return asked(known.get(key) ?? look(serverId, projectId, key), path, headers)
  }

  function stranger(address: string): Identify {
    if (strangers.size < STRANGERS_MAX && !strangers.has(address)) {
      strangers.add(address)
      log(`metadata: ${address} asks as Neutron's agents do, but is not among trustedProxies`)
    }
    return () => STRANGER
  }

  return ({ remoteAddress = '' }) => {
    const address = toAddress(remoteAddress)
    return address !== undefined && isTrusted(address) ? identify : stranger(remoteAddress)
  }
}

interface Signed {
  readonly serverId: string
  readonly signature: string
  readonly projectId: string
}

/** In the order in which Nova misses them. */
function signedIn(headers: readonly string[]): Signed | Reply {
  const serverId = joined(headers, 'x-instance-id')
  if (serverId === undefined) return NO_SERVER
  const signature = joined(headers, 'x-instance-id-signature')
  if (signature === undefined) return NO_SIGNATURE
  const projectId = joined(headers, 'x-tenant-id')
  return projectId === undefined ? NO_PROJECT : { serverId, signature, projectId }
}

const [NO_SERVER, NO_SIGNATURE, NO_PROJECT] = [
  missing('X-Instance-ID'),
  missing('X-Instance-ID-Signature'),
  missing('X-Tenant-ID'),
]

function missing(name: string): Reply {
  return textReply(400, `${name} header is missing from request.`)
}

/** As Nova takes what comes twice: nobody signs that. */
function joined(headers: readonly string[], name: string): string | undefined {
  const values = headerValues(headers, name)
  return values.length > 1 ? values.join(', ') : values[0]
}

function asked(caller: MaybeLater<string | undefined>, path: string, headers: readonly string[]): MaybeLater<Asked> {
  if (caller instanceof Promise) return caller.then((found) => ({ caller: found, path, headers, throughProxy: false }))
  return { caller, path, headers, throughProxy: false }
}
