import { CloudError } from '../../../model/errors.ts'
import {
  targetIdOf,
  type LinkSpec,
  type LinkState,
  type Link as ModelLink,
  type NetworkLink,
  type VolumeLink,
} from '../../../model/link.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { toReference, type Catalogue } from '../catalogue.ts'
import {
  IP_NETWORK_INTERFACE,
  NETWORK,
  NETWORK_INTERFACE,
  STORAGE,
  STORAGE_LINK,
  type Definition,
} from '../categories.ts'
import { checkEntity, type CheckedEntity } from '../check.ts'
import { toPlainText, typeId, type Link, type Representation, type Value } from '../representation.ts'
import { tagsOf } from './labels.ts'
import { namingAttributes, textOf, toNaming } from './naming.ts'
import { idIn, LINK_KINDS, LINK_SOURCE, pathOf } from './references.ts'

/** OCCI has no word for what is on its way: it is `inactive`, and the message says why. */
const STATES: Readonly<Record<LinkState, readonly [state: string, message?: string]>> = {
  creating: ['inactive', 'it is being made'],
  active: ['active'],
  inactive: ['inactive'],
  deleting: ['inactive', 'it is being taken away'],
  error: ['error'],
}

/** The kind of a link, and what it leads to. */
function kindOf({ kind }: ModelLink): (typeof LINK_KINDS)[number] {
  return kind === 'network' ? LINK_KINDS[0] : LINK_KINDS[1]
}

/** Every category that a link carries, its kind first. */
export function linkDefinitions(link: ModelLink, usersMixins: readonly Definition[]): readonly Definition[] {
  const hasAddress = link.kind === 'network' && link.address !== undefined
  return [kindOf(link).kind, ...(hasAddress ? [IP_NETWORK_INTERFACE] : []), ...tagsOf(link.labels, usersMixins)]
}

/** A link as an entity of its own. */
export function fromLink(link: ModelLink, usersMixins: readonly Definition[]): Representation {
  const { target } = kindOf(link)
  return {
    categories: linkDefinitions(link, usersMixins).map(toReference),
    links: [],
    attributes: new Map<string, Value>([
      [ATTRIBUTES.id.name, link.id],
      ...namingAttributes(link.name, link.labels),
      // Before what they speak of: rOCCI nests dotted names, and the later one wins.
      [ATTRIBUTES.sourceKind.name, typeId(LINK_SOURCE)],
      [ATTRIBUTES.source.name, pathOf(LINK_SOURCE, link.instanceId)],
      [ATTRIBUTES.targetKind.name, typeId(target)],
      [ATTRIBUTES.target.name, pathOf(target, targetIdOf(link))],
      ...ownAttributes(link),
    ]),
    locations: [],
  }
}

/** A link as it stands within its compute. */
export function toInlineLink(link: ModelLink): Link {
  const { kind, target } = kindOf(link)
  const path = pathOf(target, targetIdOf(link))
  return {
    target: path,
    rel: typeId(target),
    self: pathOf(kind, link.id),
    categories: linkDefinitions(link, []).map(typeId),
    attributes: new Map<string, Value>([
      [ATTRIBUTES.id.name, link.id],
      [ATTRIBUTES.target.name, path],
      [ATTRIBUTES.source.name, pathOf(LINK_SOURCE, link.instanceId)],
      ...ownAttributes(link),
    ]),
  }
}

/**
 * A link that a client asks for, as an entity of its own.
 *
 * @throws {CloudError} invalid when source or target are missing, or no locations of such
 */
export function toLinkSpec(checked: CheckedEntity): { readonly instanceId: string; readonly spec: LinkSpec } {
  const source = textOf(checked, ATTRIBUTES.source)
  if (source === undefined)
    throw new CloudError(
      'invalid',
      `${checked.kind.term} needs ${ATTRIBUTES.source.name}, the compute that it starts from`,
    )
  return { instanceId: idIn(source, LINK_SOURCE), spec: toTargetSpec(checked) }
}

/**
 * A link that a client asks for within the compute that it starts from.
 *
 * @throws {CloudError} invalid when it leads to nothing that we know
 */
export function fromInlineLink(
  link: Link,
  catalogue: Catalogue,
): { readonly spec: LinkSpec; readonly checked: CheckedEntity } {
  const ids = link.categories.length > 0 ? link.categories : [impliedKind(link)]
  const categories = ids.map((id) => {
    const cut = id.indexOf('#') + 1
    return { scheme: id.slice(0, cut), term: id.slice(cut) }
  })
  const attributes = new Map([...link.attributes, [ATTRIBUTES.target.name, link.target] as const])
  const checked = checkEntity({ categories, links: [], attributes, locations: [] }, catalogue)
  return { spec: toTargetSpec(checked), checked }
}

/** Whether an instance has this link already: clients send back what they saw. */
export function isSameTarget(link: ModelLink, spec: LinkSpec): boolean {
  return link.kind === 'network'
    ? spec.kind === 'network' && spec.networkId === link.networkId
    : spec.kind === 'volume' && spec.volumeId === link.volumeId
}

function toTargetSpec(checked: CheckedEntity): LinkSpec {
  const { kind } = checked
  const text = textOf(checked, ATTRIBUTES.target)
  if (text === undefined)
    throw new CloudError('invalid', `${kind.term} needs ${ATTRIBUTES.target.name}, what it leads to`)
  const { name, labels } = toNaming(checked)
  const base = { ...(name === undefined ? {} : { name }), labels }
  if (kind === STORAGE_LINK) {
    const [device, mountpoint] = [textOf(checked, ATTRIBUTES.deviceId), textOf(checked, ATTRIBUTES.mountpoint)]
    return {
      ...base,
      kind: 'volume',
      volumeId: idIn(text, STORAGE),
      ...(device === undefined ? {} : { device }),
      ...(mountpoint === undefined ? {} : { mountpoint }),
    }
  }
  if (kind !== NETWORK_INTERFACE) throw new CloudError('invalid', `${typeId(kind)} is no link that can be made`)
  const [mac, address, gateway, allocation] = [
    textOf(checked, ATTRIBUTES.mac),
    textOf(checked, ATTRIBUTES.interfaceAddress),
    textOf(checked, ATTRIBUTES.interfaceGateway),
    textOf(checked, ATTRIBUTES.interfaceAllocation),
  ]
  if (mac !== undefined && !/^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac))
    throw new CloudError('invalid', `${ATTRIBUTES.mac.name}: "${mac.slice(0, 50)}" is not like 52:54:00:12:34:56`)
  return {
    ...base,
    kind: 'network',
    networkId: idIn(text, NETWORK),
    ...(mac === undefined ? {} : { mac }),
    ...(address === undefined ? {} : { address }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(allocation === 'dynamic' || allocation === 'static' ? { allocation } : {}),
  }
}

function impliedKind({ rel, target }: Link): string {
  const found = LINK_KINDS.find(({ target: { location } }) => target.includes(location ?? '\0'))
  const byRel = LINK_KINDS.find((each) => typeId(each.target) === rel)
  const kind = byRel ?? found
  if (kind) return typeId(kind.kind)
  throw new CloudError('invalid', `a link to ${(rel || target).slice(0, 200)} cannot be made here; leave it out`)
}

function ownAttributes(link: ModelLink): Iterable<[string, Value]> {
  return link.kind === 'network' ? cardAttributes(link) : diskAttributes(link)
}

function* cardAttributes({
  device,
  mac,
  state,
  reason,
  address,
  gateway,
  allocation,
}: NetworkLink): Iterable<[string, Value]> {
  const [occi, message = reason] = STATES[state]
  yield [ATTRIBUTES.interface.name, device ?? 'eth0']
  if (mac !== undefined) yield [ATTRIBUTES.mac.name, mac]
  if (message !== undefined) yield [ATTRIBUTES.interfaceStateMessage.name, toPlainText(message)]
  yield [ATTRIBUTES.interfaceState.name, occi]
  if (address === undefined) return
  yield [ATTRIBUTES.interfaceAddress.name, address]
  if (gateway !== undefined) yield [ATTRIBUTES.interfaceGateway.name, gateway]
  yield [ATTRIBUTES.interfaceAllocation.name, allocation ?? 'dynamic']
}

function* diskAttributes({ device, mountpoint, state, reason }: VolumeLink): Iterable<[string, Value]> {
  const [occi, message = reason] = STATES[state]
  // The specification demands one; until the cloud has told it, none is known.
  yield [ATTRIBUTES.deviceId.name, device ?? 'unknown']
  if (mountpoint !== undefined) yield [ATTRIBUTES.mountpoint.name, mountpoint]
  if (message !== undefined) yield [ATTRIBUTES.storageLinkStateMessage.name, toPlainText(message)]
  yield [ATTRIBUTES.storageLinkState.name, occi]
}
