import {
  boolean,
  integer,
  list,
  object,
  reference,
  text,
  time,
  uri,
  type List,
  type Part,
  type Properties,
  type Scalar,
} from './attribute.ts'

/** The namespace of all CIMI 1 documents; type URIs and actions begin with it. */
export const NAMESPACE = 'http://schemas.dmtf.org/cimi/1'

const ID = uri('id')
const HREF = uri('href', { xml: 'attribute' })
const PROPERTIES: Properties<'properties'> = { kind: 'map', name: 'properties', item: 'property' }
const OPERATIONS = list('operations', 'operation', 'Operation')
const COMMON = [ID, HREF, text('name'), text('description'), time('created'), time('updated'), PROPERTIES] as const

/** The common attributes, then the type's own, then what can be done with it. */
function resource<const Own extends readonly { readonly name: string }[]>(...own: Own) {
  return [...COMMON, ...own, OPERATIONS] as const
}

function collection<const Name extends string, const Type extends string>(name: Name, of: Type) {
  return [ID, HREF, integer('count'), { ...list(name, of, of), isItems: true }, OPERATIONS] as const
}

const MACHINE_TEMPLATE = [
  text('initialState'),
  reference('machineConfig', 'MachineConfiguration'),
  reference('machineImage', 'MachineImage'),
  reference('credential', 'Credential'),
  list('volumes', 'volume', 'MachineTemplateVolume'),
  list('volumeTemplates', 'volumeTemplate', 'MachineTemplateVolumeTemplate'),
  list('networkInterfaces', 'networkInterface', 'MachineNetworkInterface'),
  reference('eventLogTemplate', 'Resource'),
  text('userData'),
] as const
const MACHINE_CONFIGURATION = [
  integer('cpu'),
  integer('memory'),
  list('disks', 'disk', 'Disk'),
  text('cpuArch'),
] as const
const MACHINE_IMAGE = [
  text('state'),
  text('type'),
  uri('imageLocation'),
  reference('relatedImage', 'MachineImage'),
] as const
// Deltacloud and StratusLab spell the first and the last in their own way.
const CREDENTIAL = [
  text('userName', { aliases: ['username'] }),
  text('password'),
  text('key', { aliases: ['publicKey'] }),
] as const
const VOLUME = [text('state'), text('type'), integer('capacity'), boolean('bootable')] as const
const VOLUME_CONFIGURATION = [text('type'), text('format'), integer('capacity')] as const
const VOLUME_TEMPLATE = [
  reference('volumeConfig', 'VolumeConfiguration'),
  reference('volumeImage', 'Resource'),
] as const
const INITIAL_LOCATION = text('initialLocation')
const XML_INITIAL_LOCATION = text('initialLocation', { xml: 'attribute' })

/**
 * Every type: its attributes in the order in which they are written.
 *
 * The array of a collection has the resource's plural as its name, not the name of the entry point's link. `href` is an
 * attribute like others: a part that has it is a reference, and what stands beside it overrides what it refers to.
 *
 * @see DSP0263 section 5
 */
const TYPES = {
  CloudEntryPoint: resource(
    uri('baseURI'),
    reference('resourceMetadata', 'ResourceMetadataCollection'),
    reference('machines', 'MachineCollection'),
    reference('machineTemplates', 'MachineTemplateCollection'),
    reference('machineConfigs', 'MachineConfigurationCollection'),
    reference('machineImages', 'MachineImageCollection'),
    reference('credentials', 'CredentialCollection'),
    reference('credentialTemplates', 'CredentialTemplateCollection'),
    reference('volumes', 'VolumeCollection'),
    reference('volumeTemplates', 'VolumeTemplateCollection'),
    reference('volumeConfigs', 'VolumeConfigurationCollection'),
    reference('networks', 'NetworkCollection'),
    reference('addresses', 'AddressCollection'),
    reference('jobs', 'JobCollection'),
    reference('eventLogs', 'EventLogCollection'),
  ),
  Machine: resource(
    text('state'),
    integer('cpu'),
    integer('memory'),
    reference('disks', 'DiskCollection'),
    text('cpuArch'),
    reference('volumes', 'MachineVolumeCollection'),
    reference('networkInterfaces', 'MachineNetworkInterfaceCollection'),
    reference('eventLog', 'EventLog'),
  ),
  MachineCollection: collection('machines', 'Machine'),
  // The specification has user data in the template alone; clients put it here too.
  MachineCreate: resource(reference('machineTemplate', 'MachineTemplate'), text('userData')),
  MachineTemplate: resource(...MACHINE_TEMPLATE),
  MachineTemplateCreate: resource(...MACHINE_TEMPLATE),
  MachineTemplateCollection: collection('machineTemplates', 'MachineTemplate'),
  MachineTemplateVolume: resource(XML_INITIAL_LOCATION, ...VOLUME),
  MachineTemplateVolumeTemplate: resource(XML_INITIAL_LOCATION, ...VOLUME_TEMPLATE),
  MachineConfiguration: resource(...MACHINE_CONFIGURATION),
  MachineConfigurationCollection: collection('machineConfigurations', 'MachineConfiguration'),
  MachineImage: resource(...MACHINE_IMAGE),
  MachineImageCreate: resource(...MACHINE_IMAGE),
  MachineImageCollection: collection('machineImages', 'MachineImage'),
  Credential: resource(...CREDENTIAL),
  // Some clients put the key beside the template, or have no template at all.
  CredentialCreate: resource(...CREDENTIAL, reference('credentialTemplate', 'CredentialTemplate')),
  CredentialCollection: collection('credentials', 'Credential'),
  CredentialTemplate: resource(...CREDENTIAL),
  CredentialTemplateCreate: resource(...CREDENTIAL),
  CredentialTemplateCollection: collection('credentialTemplates', 'CredentialTemplate'),
  Volume: resource(...VOLUME),
  VolumeCreate: resource(reference('volumeTemplate', 'VolumeTemplate')),
  VolumeCollection: collection('volumes', 'Volume'),
  VolumeTemplate: resource(...VOLUME_TEMPLATE),
  VolumeTemplateCreate: resource(...VOLUME_TEMPLATE),
  VolumeTemplateCollection: collection('volumeTemplates', 'VolumeTemplate'),
  VolumeConfiguration: resource(...VOLUME_CONFIGURATION),
  VolumeConfigurationCreate: resource(...VOLUME_CONFIGURATION),
  VolumeConfigurationCollection: collection('volumeConfigurations', 'VolumeConfiguration'),
  Network: resource(
    text('state'),
    text('networkType'),
    integer('mtu'),
    text('classOfService'),
    reference('networkPorts', 'Resource'),
    reference('forwardingGroup', 'Resource'),
    reference('eventLog', 'EventLog'),
  ),
  NetworkCollection: collection('networks', 'Network'),
  Address: resource(
    text('ip'),
    text('hostname'),
    text('allocation'),
    text('defaultGateway'),
    text('dns'),
    text('protocol'),
    text('mask'),
    reference('network', 'Network'),
    reference('resource', 'Resource'),
  ),
  AddressCollection: collection('addresses', 'Address'),
  Disk: resource(integer('capacity'), text('format'), INITIAL_LOCATION),
  DiskCollection: collection('disks', 'Disk'),
  MachineVolume: resource(INITIAL_LOCATION, reference('volume', 'Volume')),
  MachineVolumeCollection: collection('machineVolumes', 'MachineVolume'),
  MachineNetworkInterface: resource(
    reference('addresses', 'MachineNetworkInterfaceAddressCollection'),
    reference('network', 'Network'),
    reference('networkPort', 'Resource'),
    text('state'),
    text('macAddress'),
    integer('mtu'),
    text('networkType'),
  ),
  MachineNetworkInterfaceCollection: collection('machineNetworkInterfaces', 'MachineNetworkInterface'),
  MachineNetworkInterfaceAddress: resource(reference('address', 'Address')),
  MachineNetworkInterfaceAddressCollection: collection(
    'machineNetworkInterfaceAddresses',
    'MachineNetworkInterfaceAddress',
  ),
  Job: resource(
    text('state', { aliases: ['status'] }),
    reference('targetResource', 'Resource'),
    list('affectedResources', 'affectedResource', 'Resource'),
    text('action'),
    integer('returnCode'),
    integer('progress'),
    text('statusMessage'),
    time('timeOfStatusChange'),
    reference('parentJob', 'Job'),
    list('nestedJobs', 'nestedJob', 'Job'),
  ),
  JobCollection: collection('jobs', 'Job'),
  EventLog: resource(
    reference('targetResource', 'Resource'),
    reference('events', 'EventCollection'),
    text('persistence'),
    object('summary', 'EventLogSummary'),
  ),
  EventLogCollection: collection('eventLogs', 'EventLog'),
  EventLogSummary: [integer('low'), integer('medium'), integer('high'), integer('critical')],
  Event: resource(
    time('timestamp'),
    text('type'),
    object('content', 'EventContent'),
    text('outcome'),
    text('severity'),
    text('contact'),
  ),
  EventCollection: collection('events', 'Event'),
  // All that the contents of the four kinds of events have.
  EventContent: [
    text('operation'),
    text('resName'),
    reference('resource', 'Resource'),
    text('resType'),
    text('state'),
    text('previous'),
    text('code'),
    text('change'),
    text('initiator'),
    text('detail'),
  ],
  ResourceMetadata: resource(
    uri('typeURI', { aliases: ['typeUri'], jsonTwin: 'typeUri' }),
    list('attributes', 'attribute', 'MetadataAttribute'),
    list('capabilities', 'capability', 'Capability'),
    list('actions', 'action', 'MetadataAction'),
  ),
  ResourceMetadataCollection: collection('resourceMetadata', 'ResourceMetadata'),
  MetadataAttribute: [
    text('name', { xml: 'attribute' }),
    text('namespace', { xml: 'attribute' }),
    text('type', { xml: 'attribute' }),
    text('required', { xml: 'attribute' }),
    list('constraints', 'constraint', 'Constraint'),
  ],
  Constraint: [text('value')],
  Capability: [
    text('name', { xml: 'attribute' }),
    text('uri', { xml: 'attribute' }),
    text('description', { xml: 'attribute' }),
    text('value', { xml: 'content' }),
  ],
  MetadataAction: [
    text('name', { xml: 'attribute' }),
    text('uri', { xml: 'attribute' }),
    text('description', { xml: 'attribute' }),
    text('method', { xml: 'attribute' }),
    text('inputMessage', { xml: 'attribute' }),
    text('outputMessage', { xml: 'attribute' }),
  ],
  Action: resource(text('action'), boolean('force')),
  Operation: [text('rel', { xml: 'attribute' }), HREF],
  // What a reference to anything may have beside its href.
  Resource: COMMON,
} as const

/** A type of the table, as type URIs and XML roots spell it. */
export type TypeName = keyof typeof TYPES

/** An attribute of any type, as JSON spells it. */
export type AttributeName = (typeof TYPES)[TypeName][number]['name']

/** How one attribute is written. */
export type Attribute =
  | Scalar<AttributeName>
  | Part<AttributeName, TypeName>
  | List<AttributeName, TypeName>
  | Properties<AttributeName>

/** The names of all types. */
export const TYPE_NAMES: readonly TypeName[] = Object.keys(TYPES).filter(isTypeName)

/** The attributes of a type, in the order in which they are written. */
export function attributesOf(type: TypeName): readonly Attribute[] {
  return TYPES[type]
}

/** The attribute that holds the items of a collection; `undefined` for a type that is none. */
export function itemsOf(type: TypeName): AttributeName | undefined {
  return ITEMS.get(type)
}

/** What `resourceURI` says of a resource of this type. */
export function typeUri(type: TypeName): string {
  return `${NAMESPACE}/${type}`
}

/** The type whose name this is, in any case. */
export function typeNamed(name: string): TypeName | undefined {
  return BY_LOWER_CASE.get(name.toLowerCase())
}

function isTypeName(name: string): name is TypeName {
  return Object.hasOwn(TYPES, name)
}

const BY_LOWER_CASE: ReadonlyMap<string, TypeName> = new Map(TYPE_NAMES.map((name) => [name.toLowerCase(), name]))

const ITEMS: ReadonlyMap<TypeName, AttributeName> = new Map(
  TYPE_NAMES.flatMap((type) => {
    const items = attributesOf(type).find((attribute) => attribute.kind === 'list' && attribute.isItems === true)
    return items ? [[type, items.name]] : []
  }),
)
