/** One attribute: a name, what it may hold, who may set it. */
export interface Attribute {
  readonly name: string
  readonly type: 'text' | 'integer' | 'float'
  /** A client never sets it: what it sends is left aside, for some send back all that they saw. */
  readonly immutable?: true
  /** Nothing is made without it. Few are: clients can fill in no others. */
  readonly required?: true
  /** All it may hold. */
  readonly values?: readonly string[]
  /** Of `values`: stray spellings, read as what they mean. */
  readonly alsoValues?: Readonly<Record<string, string>>
  readonly alsoRead?: readonly string[]
}

/** How guests get their addresses. */
const ALLOCATIONS = ['dynamic', 'static'] as const

/** Every attribute's name as it stands on the wire, written once. `alsoRead` are stray spellings: read, never written. */
export const ATTRIBUTES = {
  id: { name: 'occi.core.id', type: 'text', immutable: true },
  title: { name: 'occi.core.title', type: 'text' },
  summary: { name: 'occi.core.summary', type: 'text' },
  source: { name: 'occi.core.source', type: 'text' },
  sourceKind: { name: 'occi.core.source.kind', type: 'text', immutable: true },
  target: { name: 'occi.core.target', type: 'text' },
  targetKind: { name: 'occi.core.target.kind', type: 'text', immutable: true },

  architecture: { name: 'occi.compute.architecture', type: 'text', values: ['x86', 'x64'] },
  cores: { name: 'occi.compute.cores', type: 'integer' },
  hostname: { name: 'occi.compute.hostname', type: 'text' },
  share: { name: 'occi.compute.share', type: 'integer' },
  /** GiB. */
  memory: { name: 'occi.compute.memory', type: 'float' },
  speed: { name: 'occi.compute.speed', type: 'float' },
  stateMessage: { name: 'occi.compute.state.message', type: 'text', immutable: true },
  state: { name: 'occi.compute.state', type: 'text', immutable: true },

  vlan: { name: 'occi.network.vlan', type: 'integer' },
  label: { name: 'occi.network.label', type: 'text' },
  networkStateMessage: { name: 'occi.network.state.message', type: 'text', immutable: true },
  networkState: { name: 'occi.network.state', type: 'text', immutable: true },
  /** In CIDR notation. */
  networkAddress: { name: 'occi.network.address', type: 'text' },
  networkGateway: { name: 'occi.network.gateway', type: 'text' },
  networkAllocation: { name: 'occi.network.allocation', type: 'text', values: ALLOCATIONS },

  /** GiB. */
  storageSize: { name: 'occi.storage.size', type: 'float', required: true },
  storageStateMessage: { name: 'occi.storage.state.message', type: 'text', immutable: true },
  storageState: { name: 'occi.storage.state', type: 'text', immutable: true },

  interface: { name: 'occi.networkinterface.interface', type: 'text', immutable: true },
  mac: { name: 'occi.networkinterface.mac', type: 'text' },
  interfaceStateMessage: { name: 'occi.networkinterface.state.message', type: 'text', immutable: true },
  interfaceState: { name: 'occi.networkinterface.state', type: 'text', immutable: true },
  interfaceAddress: { name: 'occi.networkinterface.address', type: 'text' },
  interfaceGateway: { name: 'occi.networkinterface.gateway', type: 'text' },
  interfaceAllocation: { name: 'occi.networkinterface.allocation', type: 'text', values: ALLOCATIONS },

  deviceId: { name: 'occi.storagelink.deviceid', type: 'text' },
  mountpoint: { name: 'occi.storagelink.mountpoint', type: 'text' },
  storageLinkStateMessage: { name: 'occi.storagelink.state.message', type: 'text', immutable: true },
  storageLinkState: { name: 'occi.storagelink.state', type: 'text', immutable: true },

  /** The variant of an action. */
  method: { name: 'method', type: 'text' },
  /** Of the image that `save` makes. */
  name: { name: 'name', type: 'text' },
  /** GiB; of `resize`. */
  size: { name: 'size', type: 'float', required: true },

  egiUserData: { name: 'org.openstack.compute.user_data', type: 'text' },
  occiUserData: { name: 'occi.compute.userdata', type: 'text', alsoRead: ['occi.compute.user_data'] },
  egiKeyName: { name: 'org.openstack.credentials.publickey.name', type: 'text' },
  egiKey: { name: 'org.openstack.credentials.publickey.data', type: 'text' },
  occiKey: {
    name: 'occi.credentials.ssh.publickey',
    type: 'text',
    alsoRead: ['occi.crendentials.ssh.publickey', 'occi.credentials.ssh_key'],
  },

  /** How `occi.compute.userdata` is written; the other family is base64 always. */
  userDataEncoding: { name: 'bellhop.userdata.encoding', type: 'text', values: ['base64', 'raw'] },
  userDataMediaType: { name: 'bellhop.userdata.media_type', type: 'text' },
  /** Of the user's bytes, in hex. */
  userDataSha256: { name: 'bellhop.userdata.sha256', type: 'text', immutable: true },
  /** Bytes. */
  userDataSize: { name: 'bellhop.userdata.size', type: 'integer', immutable: true },
  userDataFormat: { name: 'bellhop.userdata.format', type: 'text', immutable: true },
  /** Of what the cloud is given in their place, in hex. */
  wrappedSha256: { name: 'bellhop.userdata.wrapped_sha256', type: 'text', immutable: true },
  /** Bytes. */
  wrappedSize: { name: 'bellhop.userdata.wrapped_size', type: 'integer', immutable: true },
  deliveryState: { name: 'bellhop.delivery.state', type: 'text', immutable: true },
  deliveryMethod: { name: 'bellhop.delivery.method', type: 'text', immutable: true },
  deliveryLastEvent: { name: 'bellhop.delivery.last_event', type: 'text', immutable: true },
} as const satisfies Record<string, Attribute>

const FLOATS: ReadonlySet<string> = new Set(
  Object.values(ATTRIBUTES)
    .filter(({ type }) => type === 'float')
    .map(({ name }) => name),
)

/** Whether an attribute's numbers are written with a point. */
export function isFloat(name: string): boolean {
  return FLOATS.has(name)
}
