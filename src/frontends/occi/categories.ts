import type { Image, Size } from '../../model/instance.ts'
import { toPlainText, type CategoryClass } from './representation.ts'

/*
 * Every name that stands on the wire, each written once.
 *
 * To add a kind: its attributes in ATTRIBUTES, its row (with those of its actions and mixins) below, its routes in
 * index.ts. `alsoRead` are the stray spellings of real clients and servers: read, never written.
 */

const CORE = 'http://schemas.ogf.org/occi/core#'
const INFRASTRUCTURE = 'http://schemas.ogf.org/occi/infrastructure#'
const COMPUTE_SCHEME = 'http://schemas.ogf.org/occi/infrastructure/compute#'
const COMPUTE_ACTION = 'http://schemas.ogf.org/occi/infrastructure/compute/action#'
// What is ours is named below one URL that never changes with a host's name: scripts outlive hosts.
const OWN_OS_TPL = 'http://bellhop.example/occi/infrastructure/os_tpl#'
const OWN_RESOURCE_TPL = 'http://bellhop.example/occi/infrastructure/resource_tpl#'
const OWN_COMPUTE = 'http://bellhop.example/occi/infrastructure/compute#'

/** One attribute: a name, what it may hold, who may set it. */
export interface Attribute {
  readonly name: string
  readonly type: 'text' | 'integer' | 'float'
  /** A client never sets it: what it sends is left aside, for some send back all that they saw. */
  readonly immutable?: true
  /** All it may hold. */
  readonly values?: readonly string[]
  readonly alsoRead?: readonly string[]
}

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
  readonly alsoSchemes?: readonly string[]
  /** Only on the four mixins through which a guest is told something: what, and which attribute holds it. */
  readonly context?: { readonly meaning: ContextMeaning; readonly data: Attribute; readonly name?: Attribute }
  /** Only on the mixin of an image. */
  readonly image?: Image
  /** Only on the mixin of a size. */
  readonly size?: Size
}

/** All attributes. */
export const ATTRIBUTES = {
  id: { name: 'occi.core.id', type: 'text', immutable: true },
  title: { name: 'occi.core.title', type: 'text' },
  summary: { name: 'occi.core.summary', type: 'text' },
  source: { name: 'occi.core.source', type: 'text' },
  target: { name: 'occi.core.target', type: 'text' },

  architecture: { name: 'occi.compute.architecture', type: 'text', values: ['x86', 'x64'] },
  cores: { name: 'occi.compute.cores', type: 'integer' },
  hostname: { name: 'occi.compute.hostname', type: 'text' },
  share: { name: 'occi.compute.share', type: 'integer' },
  /** GiB. */
  memory: { name: 'occi.compute.memory', type: 'float' },
  speed: { name: 'occi.compute.speed', type: 'float' },
  stateMessage: { name: 'occi.compute.state.message', type: 'text', immutable: true },
  state: { name: 'occi.compute.state', type: 'text', immutable: true },

  /** The variant of an action. */
  method: { name: 'method', type: 'text' },

  egiUserData: { name: 'org.openstack.compute.user_data', type: 'text' },
  occiUserData: { name: 'occi.compute.userdata', type: 'text', alsoRead: ['occi.compute.user_data'] },
  egiKeyName: { name: 'org.openstack.credentials.publickey.name', type: 'text' },
  egiKey: { name: 'org.openstack.credentials.publickey.data', type: 'text' },
  occiKey: {
    name: 'occi.credentials.ssh.publickey',
    type: 'text',
    alsoRead: ['occi.crendentials.ssh.publickey', 'occi.credentials.ssh_key'],
  },

  /** Of the user's bytes, in hex. */
  userDataSha256: { name: 'bellhop.userdata.sha256', type: 'text', immutable: true },
  /** Bytes. */
  userDataSize: { name: 'bellhop.userdata.size', type: 'integer', immutable: true },
  userDataFormat: { name: 'bellhop.userdata.format', type: 'text', immutable: true },
  deliveryState: { name: 'bellhop.delivery.state', type: 'text', immutable: true },
  deliveryMethod: { name: 'bellhop.delivery.method', type: 'text', immutable: true },
  deliveryLastEvent: { name: 'bellhop.delivery.last_event', type: 'text', immutable: true },
} as const satisfies Record<string, Attribute>

/** Actions on a compute; their terms are our actions' names. */
export const COMPUTE_ACTIONS = {
  start: action('start', 'Start', []),
  stop: action('stop', 'Stop', ['graceful', 'acpioff', 'poweroff']),
  restart: action('restart', 'Restart', ['graceful', 'warm', 'cold']),
  suspend: action('suspend', 'Suspend', ['hibernate', 'suspend']),
} as const satisfies Record<string, Definition>

/** What everything is. */
export const ENTITY: Definition = {
  term: 'entity',
  scheme: CORE,
  class: 'kind',
  title: 'Entity',
  // The specification gives it none, jOCCI refuses kinds without one.
  location: '/entity/',
  attributes: [ATTRIBUTES.id, ATTRIBUTES.title],
}

const RESOURCE: Definition = {
  term: 'resource',
  scheme: CORE,
  class: 'kind',
  title: 'Resource',
  rel: ENTITY,
  location: '/resource/',
  attributes: [ATTRIBUTES.summary],
}

const LINK: Definition = {
  term: 'link',
  scheme: CORE,
  class: 'kind',
  title: 'Link',
  rel: ENTITY,
  location: '/link/',
  attributes: [ATTRIBUTES.source, ATTRIBUTES.target],
}

/** What we run. */
export const COMPUTE: Definition = {
  term: 'compute',
  scheme: INFRASTRUCTURE,
  class: 'kind',
  title: 'Compute',
  rel: RESOURCE,
  location: '/compute/',
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
}

const OS_TPL: Definition = {
  term: 'os_tpl',
  scheme: INFRASTRUCTURE,
  class: 'mixin',
  title: 'Image',
  location: '/os_tpl/',
  attributes: [],
}

const RESOURCE_TPL: Definition = {
  term: 'resource_tpl',
  scheme: INFRASTRUCTURE,
  class: 'mixin',
  title: 'Size',
  location: '/resource_tpl/',
  attributes: [],
}

/** The mixins through which a guest is told something; the OCCI 1.2 one of each meaning stands first. */
export const CONTEXT_MIXINS = [
  {
    term: 'user_data',
    scheme: COMPUTE_SCHEME,
    class: 'mixin',
    title: 'User data',
    location: '/user_data/',
    attributes: [ATTRIBUTES.occiUserData],
    alsoSchemes: ['http://occiware.org/occi/infrastructure/compute#'],
    context: { meaning: 'user-data', data: ATTRIBUTES.occiUserData },
  },
  {
    term: 'user_data',
    scheme: 'http://schemas.openstack.org/compute/instance#',
    class: 'mixin',
    title: 'User data',
    location: '/openstack_user_data/',
    attributes: [ATTRIBUTES.egiUserData],
    context: { meaning: 'user-data', data: ATTRIBUTES.egiUserData },
  },
  {
    term: 'ssh_key',
    scheme: 'http://schemas.ogf.org/occi/infrastructure/credentials#',
    class: 'mixin',
    title: 'SSH key',
    location: '/ssh_key/',
    attributes: [ATTRIBUTES.occiKey],
    context: { meaning: 'public-key', data: ATTRIBUTES.occiKey },
  },
  {
    term: 'public_key',
    scheme: 'http://schemas.openstack.org/instance/credentials#',
    class: 'mixin',
    title: 'Public key',
    location: '/openstack_public_key/',
    attributes: [ATTRIBUTES.egiKeyName, ATTRIBUTES.egiKey],
    context: { meaning: 'public-key', data: ATTRIBUTES.egiKey, name: ATTRIBUTES.egiKeyName },
  },
] as const satisfies readonly Definition[]

/** Ours, on every compute: what became of the data that its guest is to be told. */
export const DELIVERY: Definition = {
  term: 'delivery',
  scheme: OWN_COMPUTE,
  class: 'mixin',
  title: 'Delivery of user data',
  location: '/delivery/',
  attributes: [
    ATTRIBUTES.userDataSha256,
    ATTRIBUTES.userDataSize,
    ATTRIBUTES.userDataFormat,
    ATTRIBUTES.deliveryState,
    ATTRIBUTES.deliveryMethod,
    ATTRIBUTES.deliveryLastEvent,
  ],
}

/**
 * All that is always there, in the order in which discovery lists it: core kinds first, for one client's regular
 * expressions read the first two lines.
 */
export const DEFINITIONS: readonly Definition[] = [
  ENTITY,
  RESOURCE,
  LINK,
  COMPUTE,
  ...Object.values(COMPUTE_ACTIONS),
  OS_TPL,
  RESOURCE_TPL,
  ...CONTEXT_MIXINS,
  DELIVERY,
]

const FLOATS: ReadonlySet<string> = new Set(
  Object.values(ATTRIBUTES)
    .filter(({ type }) => type === 'float')
    .map(({ name }) => name),
)

/** Whether an attribute's numbers are written with a point. */
export function isFloat(name: string): boolean {
  return FLOATS.has(name)
}

/** The mixin of one image. */
export function osTemplate(image: Image): Definition {
  return { ...template(OS_TPL, OWN_OS_TPL, image), attributes: [], image }
}

/** The mixin of one size; it has the attributes that it decides. */
export function resourceTemplate(size: Size): Definition {
  return { ...template(RESOURCE_TPL, OWN_RESOURCE_TPL, size), attributes: [ATTRIBUTES.cores, ATTRIBUTES.memory], size }
}

/** A definition and all it rests on: a kind and its parents, a mixin and what it depends on. */
export function lineage(definition: Definition): readonly Definition[] {
  return definition.rel ? [definition, ...lineage(definition.rel)] : [definition]
}

function template(rel: Definition, scheme: string, { name, title }: Image | Size): Omit<Definition, 'attributes'> {
  const plain = toPlainText(title)
  return {
    term: name,
    scheme,
    class: 'mixin',
    title: plain === '' ? name : plain,
    rel,
    location: `${rel.location}${name}/`,
  }
}

function action(term: string, title: string, methods: readonly string[]): Definition {
  const attributes = methods.length === 0 ? [] : [{ ...ATTRIBUTES.method, values: methods }]
  return { term, scheme: COMPUTE_ACTION, class: 'action', title, attributes }
}
