import type { Image, Size } from '../../model/instance.ts'
import { ATTRIBUTES, type Attribute } from './attributes.ts'
import { toPlainText, type CategoryClass } from './representation.ts'

/*
 * Every category that stands on the wire, each written once.
 *
 * To add a kind: its attributes in attributes.ts, its row (with those of its actions and mixins) below, its file in kinds/.
 * `alsoSchemes` are the stray spellings of real clients and servers: read, never written.
 */

const CORE = 'http://schemas.ogf.org/occi/core#'
const INFRASTRUCTURE = 'http://schemas.ogf.org/occi/infrastructure#'
const below = (path: string): string => `http://schemas.ogf.org/occi/infrastructure/${path}#`
// What is ours is named below one URL that never changes with a host's name: scripts outlive hosts.
const own = (path: string): string => `http://bellhop.example/occi/infrastructure/${path}#`

/** What a context mixin carries to the guest. */
export type ContextMeaning = 'user-data' | 'public-key'

/** A category as we define it. */
export interface Definition {
  readonly term: string
  readonly scheme: string
  readonly class: CategoryClass
  readonly title: string
  /** The parent kind, or the mixin that this one depends on. */
  readonly rel?: Definition
  readonly location?: string
  readonly attributes: readonly Attribute[]
  readonly actions?: readonly Definition[]
  /** The kinds that a mixin can be put on; absent: all. */
  readonly applies?: readonly Definition[]
  readonly alsoSchemes?: readonly string[]
  /** Only on the four mixins through which a guest is told something: what, and which attribute holds it. */
  readonly context?: { readonly meaning: ContextMeaning; readonly data: Attribute; readonly name?: Attribute }
  /** Only on mixins that say what user data are: the name of the format. */
  readonly format?: string
  /** Only on the mixin of an image. */
  readonly image?: Image
  /** Only on the mixin of a size. */
  readonly size?: Size
  /** Only on the mixin of a provider: its name. */
  readonly provider?: string
  /** A client made it, as a tag. */
  readonly isUsers?: true
}

const action = (path: string, term: string, title: string, attributes: readonly Attribute[] = []): Definition => ({
  term,
  scheme: below(path),
  class: 'action',
  title,
  attributes,
})
const methods = (values: readonly string[], alsoValues?: Readonly<Record<string, string>>): Attribute => ({
  ...ATTRIBUTES.method,
  values,
  ...(alsoValues ? { alsoValues } : {}),
})

/** Actions on a compute; the terms of all but `save` are our actions' names. */
export const COMPUTE_ACTIONS = {
  start: action('compute/action', 'start', 'Start'),
  stop: action('compute/action', 'stop', 'Stop', [methods(['graceful', 'acpioff', 'poweroff'])]),
  restart: action('compute/action', 'restart', 'Restart', [methods(['graceful', 'warm', 'cold'])]),
  suspend: action('compute/action', 'suspend', 'Suspend', [methods(['hibernate', 'suspend'])]),
  // rOCCI misspells it.
  save: action('compute/action', 'save', 'Save as image', [
    methods(['hot', 'deferred'], { deffered: 'deferred' }),
    ATTRIBUTES.name,
  ]),
} as const satisfies Record<string, Definition>

/** Actions on a network; their terms are our actions' names. */
export const NETWORK_ACTIONS = {
  up: action('network/action', 'up', 'Up'),
  down: action('network/action', 'down', 'Down'),
} as const satisfies Record<string, Definition>

/** Actions on a storage; their terms are our actions' names. The last three are OCCI 1.1's. */
export const STORAGE_ACTIONS = {
  online: action('storage/action', 'online', 'Online'),
  offline: action('storage/action', 'offline', 'Offline'),
  backup: action('storage/action', 'backup', 'Backup'),
  snapshot: action('storage/action', 'snapshot', 'Snapshot'),
  resize: action('storage/action', 'resize', 'Resize', [ATTRIBUTES.size]),
} as const satisfies Record<string, Definition>

const kind = (
  scheme: string,
  term: string,
  title: string,
  rest: Pick<Definition, 'rel' | 'attributes' | 'actions'>,
): Definition => ({ term, scheme, class: 'kind', title, location: `/${term}/`, ...rest })

/** What everything is. The specification gives it no location, jOCCI refuses kinds without one. */
export const ENTITY = kind(CORE, 'entity', 'Entity', { attributes: [ATTRIBUTES.id, ATTRIBUTES.title] })

/** What is not a link. */
export const RESOURCE = kind(CORE, 'resource', 'Resource', { rel: ENTITY, attributes: [ATTRIBUTES.summary] })

/** What joins two resources. */
export const LINK = kind(CORE, 'link', 'Link', {
  rel: ENTITY,
  attributes: [ATTRIBUTES.sourceKind, ATTRIBUTES.source, ATTRIBUTES.targetKind, ATTRIBUTES.target],
})

/** Our instances. */
export const COMPUTE = kind(INFRASTRUCTURE, 'compute', 'Compute', {
  rel: RESOURCE,
  attributes: [
    ATTRIBUTES.architecture,
    ATTRIBUTES.cores,
    ATTRIBUTES.hostname,
    ATTRIBUTES.share,
    ATTRIBUTES.memory,
    ATTRIBUTES.speed,
    ATTRIBUTES.stateMessage,
    ATTRIBUTES.state,
  ],
  actions: Object.values(COMPUTE_ACTIONS),
})

/** Our networks. */
export const NETWORK = kind(INFRASTRUCTURE, 'network', 'Network', {
  rel: RESOURCE,
  attributes: [ATTRIBUTES.vlan, ATTRIBUTES.label, ATTRIBUTES.networkStateMessage, ATTRIBUTES.networkState],
  actions: Object.values(NETWORK_ACTIONS),
})

/** Our volumes. */
export const STORAGE = kind(INFRASTRUCTURE, 'storage', 'Storage', {
  rel: RESOURCE,
  attributes: [ATTRIBUTES.storageSize, ATTRIBUTES.storageStateMessage, ATTRIBUTES.storageState],
  actions: Object.values(STORAGE_ACTIONS),
})

/** Our links to networks. */
export const NETWORK_INTERFACE = kind(INFRASTRUCTURE, 'networkinterface', 'Network interface', {
  rel: LINK,
  attributes: [ATTRIBUTES.interface, ATTRIBUTES.mac, ATTRIBUTES.interfaceStateMessage, ATTRIBUTES.interfaceState],
})

/** Our links to volumes. */
export const STORAGE_LINK = kind(INFRASTRUCTURE, 'storagelink', 'Storage link', {
  rel: LINK,
  attributes: [
    ATTRIBUTES.deviceId,
    ATTRIBUTES.mountpoint,
    ATTRIBUTES.storageLinkStateMessage,
    ATTRIBUTES.storageLinkState,
  ],
})

const mixin = (
  scheme: string,
  term: string,
  title: string,
  rest: Omit<Definition, 'term' | 'scheme' | 'class' | 'title' | 'location'> & { readonly location?: string },
) => ({ term, scheme, class: 'mixin', title, location: `/${term}/`, ...rest }) as const

/** A network that has IP addresses. */
export const IP_NETWORK: Definition = mixin(below('network'), 'ipnetwork', 'IP network', {
  applies: [NETWORK],
  attributes: [ATTRIBUTES.networkAddress, ATTRIBUTES.networkGateway, ATTRIBUTES.networkAllocation],
})

/** A network interface that has an IP address. */
export const IP_NETWORK_INTERFACE: Definition = mixin(
  below('networkinterface'),
  'ipnetworkinterface',
  'IP network interface',
  {
    applies: [NETWORK_INTERFACE],
    attributes: [ATTRIBUTES.interfaceAddress, ATTRIBUTES.interfaceGateway, ATTRIBUTES.interfaceAllocation],
  },
)

const OS_TPL: Definition = mixin(INFRASTRUCTURE, 'os_tpl', 'Image', { applies: [COMPUTE], attributes: [] })

const RESOURCE_TPL: Definition = mixin(INFRASTRUCTURE, 'resource_tpl', 'Size', { applies: [COMPUTE], attributes: [] })

/** The mixins through which a guest is told something; the OCCI 1.2 one of each meaning stands first. */
export const CONTEXT_MIXINS = [
  {
    ...mixin(below('compute'), 'user_data', 'User data', {
      applies: [COMPUTE],
      attributes: [ATTRIBUTES.occiUserData],
      alsoSchemes: ['http://occiware.org/occi/infrastructure/compute#'],
    }),
    context: { meaning: 'user-data', data: ATTRIBUTES.occiUserData },
  },
  {
    ...mixin('http://schemas.openstack.org/compute/instance#', 'user_data', 'User data', {
      location: '/openstack_user_data/',
      applies: [COMPUTE],
      attributes: [ATTRIBUTES.egiUserData],
    }),
    context: { meaning: 'user-data', data: ATTRIBUTES.egiUserData },
  },
  {
    ...mixin(below('credentials'), 'ssh_key', 'SSH key', { applies: [COMPUTE], attributes: [ATTRIBUTES.occiKey] }),
    context: { meaning: 'public-key', data: ATTRIBUTES.occiKey },
  },
  {
    ...mixin('http://schemas.openstack.org/instance/credentials#', 'public_key', 'Public key', {
      location: '/openstack_public_key/',
      applies: [COMPUTE],
      attributes: [ATTRIBUTES.egiKeyName, ATTRIBUTES.egiKey],
    }),
    context: { meaning: 'public-key', data: ATTRIBUTES.egiKey, name: ATTRIBUTES.egiKeyName },
  },
] as const satisfies readonly Definition[]

/** Ours: how the data of the OCCI 1.2 mixin are written, and of which media type they are. */
export const USER_DATA_ENCODING: Definition = mixin(own('compute'), 'user_data_encoding', 'Encoding of user data', {
  applies: [COMPUTE],
  attributes: [ATTRIBUTES.userDataEncoding, ATTRIBUTES.userDataMediaType],
})

/** Ours: what the user says his data are; without one they are free form, and looked at. */
export const FORMAT_MIXINS: readonly Definition[] = [
  {
    ...mixin(own('compute'), 'script', 'User data are a script', { applies: [COMPUTE], attributes: [] }),
    format: 'script',
  },
  {
    ...mixin(own('compute'), 'cloud_config', 'User data are a cloud-config', { applies: [COMPUTE], attributes: [] }),
    format: 'cloud-config',
  },
]

/** Ours: the data are a JSON dictionary, and its members are to be variables too. */
export const USER_DATA_VARIABLES: Definition = mixin(
  own('compute'),
  'user_data_variables',
  'User data are variables too',
  { applies: [COMPUTE], attributes: [] },
)

/** Ours: the guest is told nothing of ours, and reports nothing. */
export const UNTRACKED: Definition = mixin(own('compute'), 'untracked', 'Nothing of Bellhop in the guest', {
  applies: [COMPUTE],
  attributes: [],
})

/** Ours: where nothing of ours can stand beside the data, both become parts of one message. */
export const WRAPPED: Definition = mixin(own('compute'), 'wrapped', 'User data wrapped where they must be', {
  applies: [COMPUTE],
  attributes: [],
})

/** Ours, on every compute: what became of the data that its guest is to be told. */
export const DELIVERY: Definition = mixin(own('compute'), 'delivery', 'Delivery of user data', {
  applies: [COMPUTE],
  attributes: [
    ATTRIBUTES.userDataSha256,
    ATTRIBUTES.userDataSize,
    ATTRIBUTES.userDataFormat,
    ATTRIBUTES.wrappedSha256,
    ATTRIBUTES.wrappedSize,
    ATTRIBUTES.deliveryState,
    ATTRIBUTES.deliveryMethod,
    ATTRIBUTES.deliveryLastEvent,
  ],
})

/** Ours: at which provider a storage or network is. */
const PROVIDER: Definition = mixin('http://bellhop.example/occi/infrastructure#', 'provider', 'Provider', {
  applies: [STORAGE, NETWORK],
  attributes: [],
})

/**
 * All that is always there, in the order in which discovery lists it: core kinds first, for one client's regular
 * expressions read the first two lines.
 */
export const DEFINITIONS: readonly Definition[] = [
  ENTITY,
  RESOURCE,
  LINK,
  COMPUTE,
  NETWORK,
  STORAGE,
  NETWORK_INTERFACE,
  STORAGE_LINK,
  ...Object.values(COMPUTE_ACTIONS),
  ...Object.values(NETWORK_ACTIONS),
  ...Object.values(STORAGE_ACTIONS),
  IP_NETWORK,
  IP_NETWORK_INTERFACE,
  OS_TPL,
  RESOURCE_TPL,
  ...CONTEXT_MIXINS,
  USER_DATA_ENCODING,
  ...FORMAT_MIXINS,
  USER_DATA_VARIABLES,
  UNTRACKED,
  WRAPPED,
  DELIVERY,
  PROVIDER,
]

/** The mixin of one image. */
export function osTemplate(image: Image): Definition {
  return { ...template(OS_TPL, image), image }
}

/** The mixin of one size; it has the attributes that it decides. */
export function resourceTemplate(size: Size): Definition {
  return { ...template(RESOURCE_TPL, size), attributes: [ATTRIBUTES.cores, ATTRIBUTES.memory], size }
}

/** The mixin of one provider that makes storage or networks. */
export function providerMixin(name: string): Definition {
  return { ...template(PROVIDER, { name, title: name }), provider: name }
}

/** A mixin that a client made: a tag without meaning of its own. */
export function usersMixin(
  { term, scheme, title, location }: Required<Pick<Definition, 'term' | 'scheme' | 'title' | 'location'>>,
  rel?: Definition,
): Definition {
  const base = { term, scheme, class: 'mixin', title, location, attributes: [], isUsers: true } as const
  return rel ? { ...base, rel } : base
}

/** A definition and all it rests on: a kind and its parents, a mixin and what it depends on. */
export function lineage(definition: Definition): readonly Definition[] {
  return definition.rel ? [definition, ...lineage(definition.rel)] : [definition]
}

function template(rel: Definition, { name, title }: Pick<Image, 'name' | 'title'>): Definition {
  const plain = toPlainText(title)
  return {
    ...mixin(own(rel.term), name, plain === '' ? name : plain, { location: `${rel.location}${name}/`, attributes: [] }),
    rel,
    ...(rel.applies ? { applies: rel.applies } : {}),
  }
}
