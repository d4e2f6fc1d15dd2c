import { randomUUID } from 'node:crypto'
import { CloudError } from '../model/errors.ts'
import type { Instance, InstanceSpec } from '../model/instance.ts'
import { ownInstance, requireMember } from './access.ts'
import { offeredEvents, plannedEvents } from './delivery-events.ts'
import { stateEvent } from './launch.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { planDelivery } from './plan.ts'
import { refresh } from './refresh.ts'
import { isRefusal } from './refusal.ts'
import { callFor, requireRights } from './rights.ts'
import type { InstanceUseCases, NewUserData } from './service.ts'
import { busyElsewhere, type Turnstile } from './turnstile.ts'

const UPDATE_MS = 120_000

/** @param work what passes one at a time, and who listens to what the guest says of its new data */
export function replacesUserData(
  parts: ServiceParts,
  work: { readonly turnstile: Pick<Turnstile, 'pass'>; readonly onLaunched: (instance: Instance) => void },
): InstanceUseCases['replaceUserData'] {
  const { store, recorder } = parts
  return async (id, request, caller) => {
    const instance = await ownInstance(store, id, caller)
    requireMember(caller)
    const provider = providerNamed(parts, instance.provider)
    const { name, capabilities } = provider
    if (!provider.updateContext || capabilities.update === false)
      throw new CloudError('unsupported', `${name} gives no instance other user data; start another instance with them`)
    if (capabilities.update === 'rebuild' && !request.mayRebuild)
      throw new CloudError(
        'conflict',
        `${name} gives other user data by a rebuild alone, which begins the disk anew from ${instance.image.name}; say that it may (rebuild=true)`,
      )
    const isTheClouds = instance.plan.deliveries.some(({ by }) => by === 'provider')
    if (request.reapply === true && isTheClouds && capabilities.update !== 'rebuild')
      throw new CloudError(
        'unsupported',
        `${name} tells its guests their ids itself: they cannot be given new ones; start another instance with these data`,
      )
    requireRights(provider, caller)
    const done = await work.turnstile.pass(id, async () => {
      const before = await ownInstance(store, id, caller)
      const { remoteId, state, image } = before
      if (remoteId === undefined || state === 'deleting' || state === 'creating')
        throw new CloudError('conflict', `instance ${id} is ${state}; its user data can be replaced once it is there`)
      const spec = withUserData(before.spec, request)
      const plan = planDelivery(spec, provider, parts.rules)
      // The intent first: what a guest says of these data must find them.
      const asked = [stateEvent(before, `other user data asked for by ${caller.subject}`)]
      const revision = before.revision + 1
      const anew = request.reapply === true ? { facts: { ...before.facts, guestId: randomUUID() } } : {}
      const changed = await store.updateInstance(id, { spec, plan, revision, ...anew, updatedAt: Date.now() }, asked)
      await store.appendEvents(plannedEvents(changed, Date.now()))
      parts.metadata?.refresh(id)
      try {
        const { userData } = spec
        const update = { image, ...(userData ? { userData } : {}) }
        await provider.updateContext?.(remoteId, update, callFor(provider, caller, UPDATE_MS, [parts.closing]))
      } catch (error) {
        if (isRefusal(error)) await takeBack(before)
        throw error
      }
      await store.appendEvents(offeredEvents(changed))
      recorder.notify(id)
      return changed
    })
    if (!done) throw busyElsewhere(id)
    work.onLaunched(done)
    return await refresh(parts, await ownInstance(store, id, caller), caller)
  }

  async function takeBack({ id, spec, plan, revision, facts, ...before }: Instance): Promise<void> {
    const refused = stateEvent(
      { ...before, id, spec, plan, revision, facts },
      'other user data were refused: they are as before',
    )
    await store.updateInstance(id, { spec, plan, revision, facts, updatedAt: Date.now() }, [refused])
    parts.metadata?.refresh(id)
    recorder.notify(id)
  }
}

function withUserData(
  { userData: _, userDataFormat: __, ...rest }: InstanceSpec,
  { userData, userDataFormat }: NewUserData,
): InstanceSpec {
  return {
    ...rest,
    ...(userData ? { userData } : {}),
    ...(userDataFormat === undefined ? {} : { userDataFormat }),
  }
}
