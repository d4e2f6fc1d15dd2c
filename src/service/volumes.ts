import { CloudError } from '../model/errors.ts'
import type { Caller } from '../model/instance.ts'
import type { Volume } from '../model/volume.ts'
import type { RemoteVolume } from '../providers/provider.ts'
import { requireMember } from './access.ts'
import { newId, remoteIdOf } from './ids.ts'
import { resourceLifecycle, type Lifecycle, type ResourceWork } from './lifecycle.ts'
import { chooseMaker, groupOf } from './makers.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { renamed } from './renaming.ts'
import { callFor } from './rights.ts'
import type { VolumeUseCases } from './service.ts'

const ACT_MS = 60_000

/** The use cases of volumes, and what finishes those that are unfinished. */
export function volumeUseCases(parts: ServiceParts): VolumeUseCases & Pick<Lifecycle<Volume>, 'mendAll'> {
  const { store, closing } = parts
  const lifecycle = resourceLifecycle(parts, 'volume', volumeWork(parts))

  async function own(id: string, { project }: Caller): Promise<Volume> {
    const volume = await store.getResource('volume', id)
    if (volume?.project === project) return volume
    throw new CloudError('not-found', `there is no volume ${id.slice(0, 100)}`)
  }

  return {
    async create({ spec, provider, id, idempotencyKey }, caller) {
      requireMember(caller)
      if (!(spec.sizeBytes > 0)) throw new CloudError('invalid', 'a volume needs a size above 0')
      const now = Date.now()
      const volume: Volume = {
        id: newId({ id, idempotencyKey }, caller.project, 'volume'),
        provider: chooseMaker(parts, 'volumes', provider),
        subject: caller.subject,
        project: caller.project,
        state: 'creating',
        spec,
        createdAt: now,
        updatedAt: now,
      }
      const isRepeat = idempotencyKey === undefined ? undefined : isSameVolume(volume)
      return (await lifecycle.insert(volume, isRepeat)) ?? (await lifecycle.make(volume, caller))
    },
    get: async (id, caller) => await lifecycle.refresh(await own(id, caller), caller),
    list: ({ project }) => store.listResources('volume', { project }),
    async rename(id, change, caller) {
      const { spec } = await own(id, caller)
      requireMember(caller)
      return await store.updateResource('volume', id, { spec: renamed(spec, change), updatedAt: Date.now() })
    },
    async act(id, action, caller, sizeBytes) {
      await own(id, caller)
      requireMember(caller)
      return await lifecycle.inTurn(id, async () => {
        const volume = await own(id, caller)
        const group = groupOf(parts, volume.provider, 'volumes')
        if (!group.actions.includes(action))
          throw new CloudError(
            'unsupported',
            `${volume.provider} cannot ${action} volumes; it can ${group.actions.join(', ')}`,
          )
        const call = callFor(providerNamed(parts, volume.provider), caller, ACT_MS, [closing])
        await group.act(remoteIdOf(volume), action, call, sizeBytes)
        return await lifecycle.refresh(volume, caller)
      })
    },
    async delete(id, caller) {
      const volume = await own(id, caller)
      requireMember(caller)
      const [link] = await store.listResources('link', { targetId: id })
      if (link)
        throw new CloudError(
          'conflict',
          `volume ${id} is attached to instance ${link.instanceId}; take the link away first`,
        )
      await lifecycle.remove(volume, caller)
    },
    mendAll: lifecycle.mendAll,
  }
}

function isSameVolume({ spec }: Volume): (earlier: Volume) => boolean {
  return (earlier) => earlier.spec.name === spec.name && earlier.spec.sizeBytes === spec.sizeBytes
}

function volumeWork(parts: ServiceParts): ResourceWork<Volume> {
  return {
    make: async (volume, call) => {
      const { id, provider, spec } = volume
      const request = { id, sizeBytes: spec.sizeBytes, ...(spec.name === undefined ? {} : { name: spec.name }) }
      return fromRemote(volume, await groupOf(parts, provider, 'volumes').create(request, call))
    },
    look: async (volume, call) =>
      fromRemote(volume, await groupOf(parts, volume.provider, 'volumes').get(volume.remoteId ?? volume.id, call)),
    unmake: async ({ id, provider, remoteId }, call) => {
      const group = groupOf(parts, provider, 'volumes')
      const there = remoteId ?? (await group.find(id, call))?.remoteId
      if (there !== undefined) await group.delete(there, call)
    },
  }
}

function fromRemote({ spec }: Volume, { remoteId, state, reason, sizeBytes }: RemoteVolume): Partial<Volume> {
  return { remoteId, state, ...(reason === undefined ? {} : { reason }), spec: { ...spec, sizeBytes } }
}
