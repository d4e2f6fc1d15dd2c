/** `creating` and `deleting` are on their way: it may or may not be there. */
export type LinkState = 'creating' | 'active' | 'inactive' | 'deleting' | 'error'

/** What all links have. */
interface LinkBase {
  readonly id: string
  readonly instanceId: string
  readonly provider: string
  readonly project: string
  readonly subject: string
  /** What its cloud calls the volume or network. */
  readonly targetRemoteId: string
  readonly state: LinkState
  /** Why it is in `error`, for people. */
  readonly reason?: string
  readonly name?: string
  /** What the guest calls the device (`vdb`, `eth1`), as far as that can be known. */
  readonly device?: string
  /** What a front end must be able to give back as it was. */
  readonly labels: Readonly<Record<string, string>>
  readonly createdAt: number
  readonly updatedAt: number
}

/** A volume that an instance has as a disk. */
export interface VolumeLink extends LinkBase {
  readonly kind: 'volume'
  readonly volumeId: string
  /** Where the user wants to mount it; the guest mounts, not we. */
  readonly mountpoint?: string
}

/** A network card of an instance, and the network that it is on. */
export interface NetworkLink extends LinkBase {
  readonly kind: 'network'
  readonly networkId: string
  /** In lower case with colons. */
  readonly mac?: string
  /** Where `allocation` is `static`, no other card on the network has it. */
  readonly address?: string
  /** Of the network that the address is of, in bits. */
  readonly prefixLength?: number
  readonly gateway?: string
  readonly allocation?: 'dynamic' | 'static'
}

/** What joins an instance to something else; it goes with its instance. */
export type Link = VolumeLink | NetworkLink

/** What a user asks for when he links an instance. */
export type LinkSpec =
  | (Pick<VolumeLink, 'kind' | 'volumeId' | 'name' | 'device' | 'mountpoint'> & Partial<Pick<Link, 'labels'>>)
  | (Pick<NetworkLink, 'kind' | 'networkId' | 'name' | 'mac' | 'address' | 'gateway' | 'allocation'> &
      Partial<Pick<Link, 'labels'>>)

/** The id of what a link leads to. */
export function targetIdOf(link: Link): string {
  return link.kind === 'volume' ? link.volumeId : link.networkId
}
