import { CloudError } from './errors.ts'

/** A public SSH key: `text` is one authorized_keys line without newline, `name` is free of `=` (EC2 lists `0=name`). */
export interface PublicKey {
  readonly name: string
  readonly text: string
}

/** A file that the user wants in the guest. `path` is absolute; `mode` is the permission bits only. */
export interface InjectedFile {
  readonly path: string
  readonly bytes: Uint8Array
  readonly mode?: number
  readonly owner?: string
  readonly group?: string
}

/** One address of a guest's network card. `prefixLength` in bits. */
export interface NicAddress {
  readonly address: string
  readonly prefixLength?: number
  readonly gateway?: string
  readonly networkId?: string
  /** How the guest gets it: `dhcp` where it must ask, `static` where it must be told, `slaac` where routers tell it. */
  readonly assignment: 'dhcp' | 'static' | 'slaac'
  readonly nameServers?: readonly string[]
}

/** One network card. `mac` in lower case with colons; `id` is the port's id where the cloud has one. */
export interface Nic {
  readonly id: string
  readonly mac: string
  readonly mtu?: number
  /** The cloud's word for the link (`ovs`, `bridge`), shown to guests as it is; they read `phy` where there is none. */
  readonly linkType?: string
  readonly addresses: readonly NicAddress[]
}

/** The guest's network, first card first. */
export interface NetworkConfig {
  readonly nics: readonly Nic[]
  readonly nameServers?: readonly string[]
}

/** What is true of the instance, not chosen by the user: guests are told, none of it is secret. */
export interface InstanceFacts {
  /** The instance's title as the user gave it. */
  readonly name?: string
  /** Index within a multi-create, from 0. */
  readonly launchIndex: number
  readonly imageName?: string
  readonly sizeName?: string
  readonly zone?: string
  readonly region?: string
  readonly projectId?: string
  readonly localIpv4?: string
  readonly publicIpv4?: string
  readonly securityGroups?: readonly string[]
  /** The device that the guest boots from, as it names it (`/dev/vda`). */
  readonly rootDevice?: string
  /** EC2-style ids where the cloud mints its own (`i-…`, `ami-…`, `r-…`); else layouts derive them from `guestId`. */
  readonly ec2?: { readonly instanceId?: string; readonly imageId?: string; readonly reservationId?: string }
}

/** Everything a guest is to be told. Any change of it is a new revision. */
export interface Context {
  /** What the guest reads as its instance id: ours where we deliver. A UUID in lower case, except where a cloud chose it. */
  readonly guestId: string
  readonly hostname?: string
  readonly facts: InstanceFacts
  /** The user's bytes, never rewritten. Absent is not the same as empty. */
  readonly userData?: Uint8Array
  /** What Bellhop adds beside the user's bytes, for guests that read vendor data: UTF-8 text. */
  readonly vendorData?: Uint8Array
  readonly publicKeys: readonly PublicKey[]
  readonly variables: Readonly<Record<string, string>>
  readonly files: readonly InjectedFile[]
  readonly network?: NetworkConfig
}

/** User data may have this many bytes, decoded, unless the configuration says otherwise. */
export const USER_DATA_MAX_BYTES = 8 * 1024 * 1024

const HOSTNAME_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i

/** Whether `name` can be a guest's hostname (RFC 1123: labels of 1 to 63 letters, digits and `-`, 253 characters in all). */
export function isHostname(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => HOSTNAME_LABEL.test(label))
}

/**
 * The nearest legal hostname to a free title: real clients send `my vm`.
 *
 * @returns `undefined` when nothing of the title can stand in a hostname
 */
export function toHostname(title: string): string | undefined {
  const labels = title
    .toLowerCase()
    .replaceAll(/[ _]+/g, '-')
    .split('.')
    .map((label) =>
      label
        .replaceAll(/[^a-z0-9-]/g, '')
        .slice(0, 63)
        .replaceAll(/^-+|-+$/g, ''),
    )
    .filter((label) => label !== '')
  const name = labels
    .join('.')
    .slice(0, 253)
    .replace(/[.-]+$/, '')
  return name === '' ? undefined : name
}

// Key types are words such as ssh-ed25519, ecdsa-sha2-nistp256, sk-ssh-ed25519@openssh.com; options may stand before them.
const PUBLIC_KEY = /(?:^|\s)(?:ssh-|ecdsa-|sk-)[\w@.-]+\s+[A-Za-z0-9+/]+={0,3}(?:\s.*)?$/

/**
 * Reads one authorized_keys line. A newline at the end is dropped; the name is the key's comment, else `key`.
 *
 * @throws {CloudError} invalid when it is not one line with one public key
 */
export function toPublicKey(line: string, name?: string): PublicKey {
  const text = line.replace(/[\r\n]+$/, '')
  if (/[\r\n\0]/.test(text)) throw new CloudError('invalid', 'public key: must be one line, as in authorized_keys')
  if (!PUBLIC_KEY.test(text))
    throw new CloudError('invalid', 'public key: not an OpenSSH public key ("ssh-ed25519 AAAA… comment" is expected)')
  const comment = /(?:ssh-|ecdsa-|sk-)\S+\s+\S+\s+(\S.*)$/.exec(text)?.[1]
  // Names stand in lists and in headers, where these mean something.
  const chosen = (name ?? comment ?? 'key').replaceAll(/[=/\s"\\,;]+/g, '-').replaceAll(/^-|-$/g, '')
  return { name: chosen === '' ? 'key' : chosen, text }
}
