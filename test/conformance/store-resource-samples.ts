import { randomUUID } from 'node:crypto'
import * as fc from 'fast-check'
import type { NetworkLink, VolumeLink } from '../../src/model/link.ts'
import type { Network } from '../../src/model/network.ts'
import type { Volume } from '../../src/model/volume.ts'
import type { Resources } from '../../src/store/store.ts'
import { dictionary, text } from './store-samples.ts'

const AT = 1_700_000_000_000

// A function: each resource has an id of its own.
const common = () =>
  ({
    id: randomUUID(),
    provider: 'memory',
    state: 'creating',
    createdAt: AT,
    updatedAt: AT,
  }) as const
const OWNER = { subject: 'tokens/alice', project: 'tokens/demo' }

/** A volume as the service records it before it asks a provider. */
export function sampleVolume(change: Partial<Volume> = {}): Volume {
  return { ...common(), ...OWNER, spec: { sizeBytes: 2 ** 33, labels: {} }, ...change }
}

/** A network that a user made. */
export function sampleNetwork(change: Partial<Network> = {}): Network {
  return { ...common(), owner: OWNER, spec: { labels: {} }, ...change }
}

/** A network that its provider has for all. */
export function sampleSharedNetwork(): Network {
  return { ...common(), state: 'active', spec: { labels: {} } }
}

/** A link of the instance `instanceId` to a volume of its own. */
export function sampleVolumeLink(instanceId: string, change: Partial<VolumeLink> = {}): VolumeLink {
  return {
    ...common(),
    ...OWNER,
    instanceId,
    kind: 'volume',
    volumeId: randomUUID(),
    targetRemoteId: 'vol-1',
    labels: {},
    ...change,
  }
}

/** A link of the instance `instanceId` to a network of its own. */
export function sampleNetworkLink(instanceId: string, change: Partial<NetworkLink> = {}): NetworkLink {
  return {
    ...common(),
    ...OWNER,
    instanceId,
    kind: 'network',
    networkId: randomUUID(),
    targetRemoteId: 'net-1',
    labels: {},
    ...change,
  }
}

const named: { requiredKeys: 'labels'[]; noNullPrototype: true } = { requiredKeys: ['labels'], noNullPrototype: true }

/** What users can put into a volume, a network and links, with what a JSON column could spoil. */
export const anyVolume: fc.Arbitrary<Volume> = fc
  .record(
    {
      reason: text,
      remoteId: text,
      spec: fc.record(
        { name: text, sizeBytes: fc.maxSafeNat(), labels: dictionary },
        { requiredKeys: ['sizeBytes', 'labels'], noNullPrototype: true },
      ),
    },
    { requiredKeys: ['spec'], noNullPrototype: true },
  )
  .map(sampleVolume)

/** As {@link anyVolume}. */
export const anyNetwork: fc.Arbitrary<Network> = fc
  .record(
    {
      name: text,
      label: text,
      vlan: fc.nat(4095),
      allocation: fc.constantFrom('dynamic', 'static'),
      labels: dictionary,
    },
    named,
  )
  .map((spec) => sampleNetwork({ spec }))

/** As {@link anyVolume}, of the instance `instanceId`. */
export const anyLink = (instanceId: string): fc.Arbitrary<Resources['link']> =>
  fc.oneof(
    fc
      .record({ name: text, device: text, mountpoint: text, labels: dictionary }, named)
      .map((change) => sampleVolumeLink(instanceId, change)),
    fc
      .record({ name: text, mac: text, address: text, gateway: text, labels: dictionary }, named)
      .map((change) => sampleNetworkLink(instanceId, change)),
  )
