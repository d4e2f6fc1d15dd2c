import { CloudError } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Link, LinkSpec, NetworkLink } from '../model/link.ts'
import type { Network } from '../model/network.ts'
import { chooseAddress } from './addresses.ts'
import { isOwnId, newId, remoteIdOf, type IdChoice } from './ids.ts'
import { groupOf } from './makers.ts'
import { findNetwork, type Shared } from './networks.ts'
import type { ServiceParts } from './parts.ts'

/** Whose link it is. */
export type LinkOwner = Pick<Instance, 'id' | 'provider' | 'project' | 'subject'>

type NetworkLinkSpec = Extract<LinkSpec, { kind: 'network' }>

/** What is known while links are made. */
interface Surroundings {
  readonly caller: Pick<Caller, 'project' | 'credential'>
  /** Links of the same request, not in the store yet. */
  readonly beside: readonly Link[]
  readonly shared?: readonly Shared[]
}

/**
 * A link as it is recorded before its provider is asked.
 *
 * @throws {CloudError} not-found; invalid when its target is at another provider, or an address is not the network's;
 *   conflict when something is not ready or taken
 */
export async function toLink(
  parts: ServiceParts,
  owner: LinkOwner,
  spec: LinkSpec,
  surroundings: Surroundings,
  choice?: IdChoice,
): Promise<Link> {
  const now = Date.now()
  const base = {
    id: newId(choice, owner.project, 'link'),
    instanceId: owner.id,
    provider: owner.provider,
    project: owner.project,
    subject: owner.subject,
    state: 'creating',
    ...(spec.name === undefined ? {} : { name: spec.name }),
    labels: spec.labels ?? {},
    createdAt: now,
    updatedAt: now,
  } as const
  if (spec.kind === 'network') return { ...base, ...(await toCard(parts, owner, spec, surroundings)) }
  const { volumeId, device, mountpoint } = spec
  return {
    ...base,
    kind: 'volume',
    volumeId,
    targetRemoteId: await attachableVolume(parts, owner, volumeId, surroundings),
    ...(device === undefined ? {} : { device }),
    ...(mountpoint === undefined ? {} : { mountpoint }),
  }
}

/** Whether others may want the same address at the same time. */
export function needsNumber(spec: LinkSpec): boolean {
  return spec.kind === 'network' && isOwnId(spec.networkId)
}

/** The networks that a new machine is on without being asked for: those that are fixed, or one at least. */
export function missingNetworks(shared: readonly Shared[], specs: readonly LinkSpec[]): readonly LinkSpec[] {
  const asked = specs.flatMap((spec) => (spec.kind === 'network' ? [spec.networkId] : []))
  const fixed = shared.filter(({ network, isFixed }) => isFixed && !asked.includes(network.id))
  const missing =
    fixed.length === 0 && asked.length === 0 ? shared.filter(({ onlyAsked }) => !onlyAsked).slice(0, 1) : fixed
  return missing.map(({ network }) => ({ kind: 'network', networkId: network.id }))
}

async function attachableVolume(
  { store }: ServiceParts,
  owner: LinkOwner,
  volumeId: string,
  { caller }: Surroundings,
): Promise<string> {
  const volume = await store.getResource('volume', volumeId)
  if (volume?.project !== caller.project)
    throw new CloudError('not-found', `there is no volume ${volumeId.slice(0, 100)}`)
  requireSameProvider(owner, volume)
  const remoteId = remoteIdOf(volume)
  if (volume.state === 'offline')
    throw new CloudError('conflict', `volume ${volumeId} is offline; bring it online first`)
  return remoteId
}

/** With an address where it is ours to give one. */
async function toCard(
  parts: ServiceParts,
  owner: LinkOwner,
  { networkId, mac, address, gateway, allocation }: NetworkLinkSpec,
  { caller, beside, shared }: Surroundings,
): Promise<Omit<NetworkLink, keyof LinkOwner | 'instanceId' | 'state' | 'labels' | 'createdAt' | 'updatedAt'>> {
  const network = await findNetwork(parts, networkId, caller, shared)
  requireSameProvider(owner, network)
  const how = allocation ?? network.spec.allocation
  const isOurs = network.owner && groupOf(parts, network.provider, 'networks').numberedBy === 'bellhop'
  const chosen =
    isOurs && how !== 'dynamic'
      ? chooseAddress(network.spec, await addressesOn(parts, network, beside), address)
      : undefined
  const gate = gateway ?? network.spec.gateway
  return {
    kind: 'network',
    networkId,
    targetRemoteId: remoteIdOf(network),
    ...(mac === undefined ? {} : { mac: mac.toLowerCase() }),
    ...(address === undefined ? {} : { address }),
    ...(gate === undefined ? {} : { gateway: gate }),
    ...(how === undefined ? {} : { allocation: how }),
    ...(chosen ? { ...chosen, allocation: 'static' } : {}),
  }
}

async function addressesOn({ store }: ServiceParts, { id }: Network, beside: readonly Link[]): Promise<string[]> {
  const links = [...(await store.listResources('link', { targetId: id })), ...beside]
  return links.flatMap((link) =>
    link.kind === 'network' && link.networkId === id && link.address !== undefined ? [link.address] : [],
  )
}

function requireSameProvider(
  { provider }: LinkOwner,
  target: { readonly id: string; readonly provider: string },
): void {
  if (target.provider !== provider)
    throw new CloudError(
      'invalid',
      `${target.id} is at ${target.provider}, the instance at ${provider}; take both of one`,
    )
}
