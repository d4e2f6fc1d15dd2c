import { variablesOf } from '../../../formats/variables.ts'
import { toHostname } from '../../../model/context.ts'
import { CloudError } from '../../../model/errors.ts'
import type { InstanceSpec } from '../../../model/instance.ts'
import type { LinkSpec } from '../../../model/link.ts'
import type { Service } from '../../../service/service.ts'
import { decodeBase64 } from '../../../wire/base64.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import { idIn, partOf, partsOf, propertiesOf, textOf, toResource, withAttributes } from '../resource.ts'
import { toKey } from './credentials.ts'
import { toSize } from './machine-configurations.ts'
import { toImage } from './machine-images.ts'
import { toNaming } from './naming.ts'
import { findKept, type Kept } from './stored.ts'
import { toSwitches } from './switches.ts'

/**
 * The template of a request: by value, by reference, or by a reference of which some is overridden. User data that it
 * gives as text stand in its resource, and win over those of a stored template, which stand beside it.
 *
 * @throws {CloudError} invalid when there is none, or not the one referred to
 */
export async function toTemplate(
  service: Pick<Service, 'documents'>,
  wanted: Resource,
  exchange: Exchange,
): Promise<Kept> {
  const given = partOf(wanted, 'machineTemplate')
  if (!given)
    throw new CloudError('invalid', 'machineTemplate: missing; it names machineImage and machineConfig, or has an href')
  const id = isReference(given) ? idIn(given) : undefined
  const stored =
    id === undefined ? undefined : await findKept(service.documents, 'MachineTemplate', 'machineTemplate', id, exchange)
  const beside = userDataIn(wanted)
  const own = userDataIn(given)
  if (beside !== undefined && own !== undefined && beside !== own)
    throw new CloudError('conflict', 'userData and machineTemplate.userData differ; send one')
  const { href: _, userData: __, ...said } = Object.fromEntries(given.attributes)
  const base = stored?.resource ?? toResource('MachineTemplate', {})
  const resource = withAttributes(base, { ...said, userData: own ?? beside })
  return { resource, ...(stored?.bytes && { bytes: stored.bytes }) }
}

/**
 * What a machine of this template is, in the service's words.
 *
 * @throws {CloudError} invalid when user data is no base64, a reference leads nowhere or something needed is missing;
 *   unsupported for what is not done here
 */
export async function toSpec(
  service: Service,
  { resource, bytes }: Kept,
  exchange: Exchange,
): Promise<Pick<InstanceSpec, 'image' | 'size' | 'userData' | 'publicKeys' | 'links'>> {
  requireStarted(resource)
  const image = partOf(resource, 'machineImage')
  const config = partOf(resource, 'machineConfig')
  if (!image) throw new CloudError('invalid', 'machineImage: missing; GET machine_images tells which there are')
  if (!config)
    throw new CloudError('invalid', 'machineConfig: missing; GET machine_configurations tells which there are')
  const text = userDataIn(resource)
  const userData = text === undefined ? bytes : decodeBase64(text, 'userData')
  const credential = partOf(resource, 'credential')
  const links = [...partsOf(resource, 'volumes').map(toDisk), ...partsOf(resource, 'networkInterfaces').map(toCard)]
  return {
    image: toImage(image),
    size: await toSize(service, config, toImage(image), exchange),
    ...(userData && { userData }),
    publicKeys: credential ? [await toKey(service.documents, credential, exchange)] : [],
    ...(links.length > 0 && { links }),
  }
}

/**
 * What a new machine is called, what its guest is told of that, and what may be in it beside the user's data.
 *
 * @param userData of the machine
 * @throws {CloudError} invalid when a property of ours has a wrong value, or variables are asked for of user data that spell
 *   none; conflict when a property says something else
 */
export function toNamed(
  wanted: Resource,
  userData: Uint8Array | undefined,
): Pick<InstanceSpec, 'name' | 'hostname' | 'labels' | 'variables' | 'files' | 'tracking' | 'wrap'> {
  const { switches, hasVariables, told } = toSwitches(propertiesOf(wanted) ?? new Map())
  const naming = toNaming(wanted)
  const hostname = naming.name === undefined ? undefined : toHostname(naming.name)
  return {
    ...naming,
    ...(hostname === undefined ? {} : { hostname }),
    variables: hasVariables ? withMembers(told, userData) : told,
    ...switches,
    files: [],
  }
}

/** Properties as variables, with the members of the user data, a JSON dictionary. */
function withMembers(told: InstanceSpec['variables'], userData: Uint8Array | undefined): InstanceSpec['variables'] {
  const found = variablesOf(userData)
  const other = Object.keys(told).find((name) => Object.hasOwn(found, name) && found[name] !== told[name])
  if (other !== undefined)
    throw new CloudError('conflict', `properties and userData differ in "${other.slice(0, 50)}"; give it once`)
  return { ...told, ...found }
}

/** User data in base64; none is not the same as empty ones. */
function userDataIn({ attributes }: Resource): string | undefined {
  const text = attributes.get('userData')
  return typeof text === 'string' ? text : undefined
}

/** A template that stands there whole may have the URL of the one that it was copied from as its `id`: that is no reference. */
function isReference(template: Resource): boolean {
  return template.attributes.has('href')
}

function requireStarted(template: Resource): void {
  const state = textOf(template, 'initialState')
  if (state === undefined || state.toUpperCase() === 'STARTED') return
  throw new CloudError('unsupported', `initialState: ${state.slice(0, 50)} is not done here; machines begin STARTED`)
}

function toDisk(volume: Resource): LinkSpec {
  const volumeId = idIn(volume)
  if (volumeId === undefined) throw new CloudError('invalid', 'volumes: an href is missing')
  return { kind: 'volume', volumeId, ...deviceIn(volume) }
}

/** Where the guest shall see a disk, as we call it. */
export function deviceIn(attachment: Resource): { readonly device?: string } {
  const device = textOf(attachment, 'initialLocation')?.replace(/^\/dev\//, '')
  return device === undefined ? {} : { device }
}

/** The network card that a request describes. @throws {CloudError} invalid when it names no network */
export function toCard(card: Resource): Extract<LinkSpec, { kind: 'network' }> {
  const network = partOf(card, 'network')
  const networkId = network && idIn(network)
  const mac = textOf(card, 'macAddress')
  if (networkId === undefined) throw new CloudError('invalid', 'networkInterfaces: the href of a network is missing')
  if (mac !== undefined && !/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac))
    throw new CloudError('invalid', `macAddress: "${mac.slice(0, 50)}" is not like 52:54:00:12:34:56`)
  return { kind: 'network', networkId, ...(mac === undefined ? {} : { mac: mac.toLowerCase() }) }
}
