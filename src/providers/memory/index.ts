import { USER_DATA_MAX_BYTES } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { Image, Size } from '../../model/instance.ts'
import type { Capabilities, CreateRequest, Provider } from '../provider.ts'
import { memoryCloud, type CloudRules } from './cloud.ts'
import { memoryIssuer, withTokens, type MemoryCallers } from './callers.ts'
import { faultInjector, type Faults } from './faults.ts'
import { networkGroup, volumeGroup } from './groups.ts'
import type { MemoryNetwork, MemoryState, MemoryVm, MemoryVolume } from './state.ts'

/** What a cloud in memory is made of; all of it has a default. */
export interface MemoryProviderOptions {
  readonly name?: string
  readonly images?: readonly Image[]
  readonly sizes?: readonly Size[]
  /** Replaces single capabilities. With `settleMs`, `find` and `list` really miss new machines for so long. */
  readonly capabilities?: Partial<Capabilities>
  readonly faults?: Faults
  /** How long a new machine is `creating`, in milliseconds (default 0: until it is asked for). */
  readonly bootMs?: number
  /** What a second create with the same id does (default `adopts`); `duplicates` makes a caller's mistake visible. */
  readonly secondCreate?: CloudRules['secondCreate']
  /** `false`: a cloud that has no volumes, no networks, or neither saves nor deletes images. */
  readonly volumes?: boolean
  readonly networks?: boolean
  readonly saveImage?: boolean
  /** `false`: a cloud whose machines keep the disks that they were made with. */
  readonly renewDisk?: boolean
  /** With them it acts with the rights of these alone. */
  readonly callers?: MemoryCallers
}

/** A provider that tests can look into. */
export interface MemoryProvider extends Provider {
  /** Every machine that was ever made (for our id `ourId`), deleted ones too, oldest first, with all it was made of. */
  made(ourId?: string): Promise<readonly MemoryVm[]>
  /** As `made`, with all that was done to each. */
  volumesMade(ourId?: string): Promise<readonly MemoryVolume[]>
  /** As `made`. */
  networksMade(ourId?: string): Promise<readonly MemoryNetwork[]>
  /** Replaces all faults. */
  setFaults(faults: Faults): Promise<void>
  /** Lets the guest say something. @throws {CloudError} not-found */
  writeConsole(remoteId: string, text: string): Promise<void>
}

/** Where all is kept between runs; by default nowhere. */
export interface MemoryKeeper {
  readonly before?: MemoryState
  readonly changed: CloudRules['changed']
}

const CAPABILITIES: Capabilities = {
  deliveries: [
    {
      method: 'metadata',
      by: 'bellhop',
      layouts: ['ec2', 'openstack', 'nocloud'],
      userDataMaxBytes: USER_DATA_MAX_BYTES,
      evidence: ['access'],
    },
    {
      method: 'disk',
      by: 'bellhop',
      layouts: ['openstack', 'nocloud'],
      userDataMaxBytes: USER_DATA_MAX_BYTES,
      evidence: ['agent', 'console'],
      disk: { format: 'iso', label: 'config-2' },
    },
  ],
  actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
  settleMs: 0,
  update: false,
}

/**
 * A whole cloud in memory: runs nothing, but keeps what it was given and fails as it is told.
 *
 * @example
 * const cloud = memoryProvider({ faults: { create: { after: 'timeout', times: 1 } } })
 */
export function memoryProvider(options: MemoryProviderOptions = {}, keeper?: MemoryKeeper): MemoryProvider {
  const { name = 'memory', images = imagesOf(name), sizes = sizesOf(name), callers } = options
  const rights = callers ? ({ rights: 'caller' } as const) : {}
  const capabilities = { ...CAPABILITIES, ...rights, ...options.capabilities }
  const anyone = faultInjector(options.faults)
  const faults = callers ? withTokens(callers, anyone) : anyone
  const has = { volumes: options.volumes !== false, networks: options.networks !== false }
  const cloud = memoryCloud(
    {
      name,
      bootMs: options.bootMs ?? 0,
      settleMs: capabilities.settleMs,
      secondCreate: options.secondCreate ?? 'adopts',
      changed: keeper?.changed ?? (() => {}),
    },
    keeper?.before,
  )
  return {
    name,
    capabilities,
    images: (call) => faults.run('images', call, () => [...images, ...cloud.savedImages()]),
    sizes: (call) => faults.run('sizes', call, () => sizes),
    create: (request, call) => faults.run('create', call, () => cloud.create(checked(request, has))),
    find: (ourId, call) => faults.run('find', call, () => cloud.find(ourId)),
    get: (remoteId, call) => faults.run('get', call, () => cloud.get(remoteId)),
    list: (call) => faults.run('list', call, () => cloud.list()),
    act: (remoteId, action, call, method) => faults.run('act', call, () => cloud.act(remoteId, action, method)),
    delete: (remoteId, call) => faults.run('delete', call, () => cloud.delete(remoteId)),
    discard: (ourId, call, keep) => faults.run('discard', call, () => cloud.discard(ourId, keep)),
    ...(has.volumes ? { volumes: volumeGroup(cloud.volumes, faults) } : {}),
    ...(has.networks ? { networks: networkGroup(cloud.networks, faults) } : {}),
    ...(options.saveImage === false
      ? {}
      : {
          saveImage: (remoteId, request, call) =>
            faults.run('saveImage', call, () => cloud.saveImage(remoteId, request)),
          deleteImage: (remoteId, call) =>
            faults.run('deleteImage', call, () => {
              if (images.some((image) => image.remoteId === remoteId))
                throw new CloudError('unsupported', `image ${remoteId} is for all; it cannot be deleted`)
              cloud.deleteImage(remoteId)
            }),
        }),
    ...(callers ? { tokens: memoryIssuer(callers) } : {}),
    ...(capabilities.update === false
      ? {}
      : {
          updateContext: (remoteId, update, call) =>
            faults.run('updateContext', call, () => cloud.updateContext(remoteId, update)),
        }),
    ...(options.renewDisk === false
      ? {}
      : {
          renewDisk: (remoteId, disk, call) => faults.run('renewDisk', call, () => cloud.renewDisk(remoteId, disk)),
        }),
    console: (remoteId, from, call) => faults.run('console', call, () => cloud.console(remoteId, from)),
    made: async (ourId) => cloud.made(ourId),
    volumesMade: async (ourId) => cloud.volumes.made(ourId),
    networksMade: async (ourId) => cloud.networks.made(ourId),
    setFaults: async (changed) => faults.set(changed),
    writeConsole: async (remoteId, text) => cloud.writeConsole(remoteId, text),
  }
}

/** @throws {CloudError} unsupported when it asks for what this cloud does not have */
function checked(request: CreateRequest, has: Readonly<Record<'volumes' | 'networks', boolean>>): CreateRequest {
  for (const what of ['volumes', 'networks'] as const)
    if (!has[what] && (request[what] ?? []).length > 0)
      throw new CloudError('unsupported', `create: this cloud has no ${what}`)
  return request
}

function imagesOf(provider: string): readonly Image[] {
  return ['Debian', 'Alpine'].map((title) => {
    const remoteId = title.toLowerCase()
    return { name: `${provider}-${remoteId}`, provider, remoteId, title }
  })
}

function sizesOf(provider: string): readonly Size[] {
  return [
    { name: `${provider}-small`, provider, remoteId: 'small', title: 'Small', cores: 1, memoryMiB: 512 },
    { name: `${provider}-large`, provider, remoteId: 'large', title: 'Large', cores: 4, memoryMiB: 8192, diskGiB: 40 },
  ]
}
