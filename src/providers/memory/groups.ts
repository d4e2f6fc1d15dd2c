import type { NetworkGroup, VolumeGroup } from '../provider.ts'
import type { memoryCloud } from './cloud.ts'
import type { FaultInjector } from './faults.ts'
import { NETWORK_ACTIONS } from './networks.ts'
import { VOLUME_ACTIONS } from './volumes.ts'

type Cloud = ReturnType<typeof memoryCloud>

/** The volumes of a cloud, with whatever is to go wrong. */
export function volumeGroup(volumes: Cloud['volumes'], faults: FaultInjector): VolumeGroup {
  return {
    actions: VOLUME_ACTIONS,
    create: (request, call) => faults.run('volumes.create', call, () => volumes.create(request)),
    find: (ourId, call) => faults.run('volumes.find', call, () => volumes.find(ourId)),
    get: (remoteId, call) => faults.run('volumes.get', call, () => volumes.get(remoteId)),
    act: (remoteId, action, call, sizeBytes) =>
      faults.run('volumes.act', call, () => volumes.act(remoteId, action, sizeBytes)),
    delete: (remoteId, call) => faults.run('volumes.delete', call, () => volumes.delete(remoteId)),
    attach: (vm, attachment, call) => faults.run('volumes.attach', call, () => volumes.attach(vm, attachment)),
    detach: (vm, attachment, call) => faults.run('volumes.detach', call, () => volumes.detach(vm, attachment)),
  }
}

/** The networks of a cloud, with whatever is to go wrong. */
export function networkGroup(networks: Cloud['networks'], faults: FaultInjector): NetworkGroup {
  return {
    actions: NETWORK_ACTIONS,
    numberedBy: 'bellhop',
    shared: (call) => faults.run('networks.shared', call, () => networks.shared()),
    create: (request, call) => faults.run('networks.create', call, () => networks.create(request)),
    find: (ourId, call) => faults.run('networks.find', call, () => networks.find(ourId)),
    get: (remoteId, call) => faults.run('networks.get', call, () => networks.get(remoteId)),
    act: (remoteId, action, call) => faults.run('networks.act', call, () => networks.act(remoteId, action)),
    delete: (remoteId, call) => faults.run('networks.delete', call, () => networks.delete(remoteId)),
    attach: (vm, attachment, call) => faults.run('networks.attach', call, () => networks.attach(vm, attachment)),
    detach: (vm, attachment, call) => faults.run('networks.detach', call, () => networks.detach(vm, attachment)),
  }
}
