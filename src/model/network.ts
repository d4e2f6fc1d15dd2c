/** `inactive` carries nothing until it is brought up. */
export type NetworkState = 'creating' | 'active' | 'inactive' | 'deleting' | 'error' | 'unknown'

/** What can be done to a network. */
export type NetworkAction = 'up' | 'down'

/** What a user asks for. `cidr` is the addresses it has (`192.0.2.0/24`), of which `gateway` is one. */
export interface NetworkSpec {
  readonly name?: string
  /** 0 to 4095. */
  readonly vlan?: number
  /** The tag that sets it apart from others, in the cloud's own terms. */
  readonly label?: string
  readonly cidr?: string
  readonly gateway?: string
  /** Whether guests ask for their addresses or are told them. */
  readonly allocation?: 'dynamic' | 'static'
  /** What a front end must be able to give back as it was. */
  readonly labels: Readonly<Record<string, string>>
}

/** A network that instances are on: a user's own, or one that the provider has for all. */
export interface Network {
  /** Ours: a UUID where a user made it, `<provider>-<slug>` where it is for all. */
  readonly id: string
  readonly provider: string
  readonly remoteId?: string
  /** Whose it is; absent where it is for all. */
  readonly owner?: { readonly subject: string; readonly project: string }
  readonly state: NetworkState
  /** Why it is in `error`, for people. */
  readonly reason?: string
  readonly spec: NetworkSpec
  readonly createdAt: number
  readonly updatedAt: number
}
