import { randomUUID } from 'node:crypto'
import { CloudError } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import type { Instance, InstanceSpec } from '../model/instance.ts'
import type { Call, Provider } from '../providers/provider.ts'
import { ownInstance, requireMember } from './access.ts'
import { offeredAtOnce, offeredEvents, plannedEvents } from './delivery-events.ts'
import { stateEvent } from './launch.ts'
import { diskOf } from './offers.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { planDelivery } from './plan.ts'
import { refresh } from './refresh.ts'
import { isRefusal } from './refusal.ts'
import { callFor, requireRights } from './rights.ts'
import type { InstanceUseCases, NewUserData } from './service.ts'
import { busyElsewhere, type Turnstile } from './turnstile.ts'
import { planUpdate, updateWayOf, type UpdateWay } from './update-way.ts'
import { carriedSpec } from './wrapping.ts'

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
    const { update, isOurs } = checkWay(parts, provider, instance, request)
    requireRights(provider, caller)
    const done = await work.turnstile.pass(id, async () => {
      const before = await ownInstance(store, id, caller)
      const { remoteId, state, image } = before
      if (remoteId === undefined || state === 'deleting' || state === 'creating')
        throw new CloudError('conflict', `instance ${id} is ${state}; its user data can be replaced once it is there`)
      const spec = withUserData(before.spec, request)
      const wanted = wrappable(spec)
      const plan = isOurs
        ? planUpdate(wanted, before.plan, provider, parts.rules)
        : planDelivery(wanted, provider, parts.rules, id)
      const call = callFor(provider, caller, UPDATE_MS, [parts.closing])
      // A disk that begins anew begins its console anew.
      const consoleFrom = update === 'rebuild' ? 0 : await consoleEnd(provider, before, remoteId, call)
      // The intent first: what a guest says of these data must find them.
      const asked = [stateEvent(before, `other user data asked for by ${caller.subject}`)]
      const revision = nextRevision(before, await store.listEvents(id))
      const anew = request.reapply === true ? { guestId: randomUUID() } : {}
      const changed = await store.updateInstance(
        id,
        { spec, plan, revision, ...anew, consoleFrom, updatedAt: Date.now() },
        asked,
      )
      await store.appendEvents(plannedEvents(changed, Date.now()))
      parts.metadata?.refresh(id)
      try {
        const { userData } = carriedSpec(changed, parts.rules.reportUrl)
        const disk = isOurs ? diskOf(changed) : undefined
        if (disk) await provider.renewDisk?.(remoteId, disk, call)
        if (!isOurs) await provider.updateContext?.(remoteId, { image, ...(userData ? { userData } : {}) }, call)
      } catch (error) {
        if (isRefusal(error)) await takeBack(before)
        throw error
      }
      await store.appendEvents(isOurs && state !== 'inactive' ? offeredAtOnce(changed) : offeredEvents(changed))
      parts.metadata?.refresh(id)
      recorder.notify(id)
      return changed
    })
    if (!done) throw busyElsewhere(id)
    work.onLaunched(done)
    return await refresh(parts, await ownInstance(store, id, caller), caller)
  }

  async function takeBack(before: Instance): Promise<void> {
    const { id, spec, plan, revision, guestId = id, consoleFrom = 0 } = before
    const refused = stateEvent(before, 'other user data were refused: they are as before')
    await store.updateInstance(id, { spec, plan, revision, guestId, consoleFrom, updatedAt: Date.now() }, [refused])
    parts.metadata?.refresh(id)
    recorder.notify(id)
  }
}

/** Behind what its guest said of the data that it has, where anybody listens. */
async function consoleEnd(
  provider: Provider,
  { plan, consoleFrom = 0 }: Instance,
  remoteId: string,
  call: Call,
): Promise<number> {
  if (!provider.console || !plan.deliveries.some(({ evidence }) => evidence.includes('console'))) return consoleFrom
  for (let from = consoleFrom; ;) {
    const { next } = await provider.console(remoteId, from, call)
    if (next <= from) return from
    from = next
  }
}

/** @throws {CloudError} unsupported, conflict: why there is no way, or not without more of the user */
function checkWay(
  { rules }: Pick<ServiceParts, 'rules'>,
  provider: Provider,
  { plan, image }: Pick<Instance, 'plan' | 'image'>,
  { mayRebuild, reapply = false }: NewUserData,
): UpdateWay {
  const { name, capabilities } = provider
  const ways = plan.deliveries
  const way = updateWayOf(ways, capabilities, rules)
  if (way.update === false)
    throw new CloudError(
      'unsupported',
      ways.some(({ method, by }) => method === 'injection' && by !== 'provider')
        ? `its data stand in the machine's own disk, where guests look first; start another instance with these`
        : `${name} gives no instance other user data that our metadata server does not serve; start another instance with these`,
    )
  if (way.update === 'rebuild' && !mayRebuild)
    throw new CloudError(
      'conflict',
      `${name} gives other user data by a rebuild alone, which begins the disk anew from ${image.name}; say that it may (rebuild=true)`,
    )
  if (!reapply) return way
  if (ways.some(({ by }) => by === 'provider') && way.update !== 'rebuild')
    throw new CloudError(
      'unsupported',
      `${name} tells its guests their ids itself: they cannot be given new ones; start another instance with these data`,
    )
  // A guest that once does not reach us would take the former for new again.
  if (way.isOurs && !provider.renewDisk && hasOurDisk(plan))
    throw new CloudError(
      'unsupported',
      `${name} leaves the instance the disk that it was made with, which has the former data under the former id; start another instance with these`,
    )
  return way
}

function withUserData(
  { userData: _, userDataFormat: __, wrap: wished, ...rest }: InstanceSpec,
  { userData, userDataFormat, wrap = wished }: NewUserData,
): InstanceSpec {
  return {
    ...rest,
    ...(userData ? { userData } : {}),
    ...(userDataFormat === undefined ? {} : { userDataFormat }),
    ...(wrap ? { wrap: true } : {}),
  }
}

/** One that was refused and taken back is not used again: what was seen of its data says nothing of these. */
function nextRevision({ revision }: Instance, events: readonly ContextEvent[]): number {
  return events.reduce((last, event) => Math.max(last, event.revision), revision) + 1
}

/** Where there are no data, there is nothing to wrap; data that come later are wrapped again. */
function wrappable({ wrap, ...rest }: InstanceSpec): InstanceSpec {
  return { ...rest, ...(wrap && rest.userData ? { wrap } : {}) }
}

/** One that was left out of the plan since is still there. */
function hasOurDisk({ deliveries, warnings }: Instance['plan']): boolean {
  return deliveries.some(({ method }) => method === 'disk') || warnings.some(({ code }) => code === 'keeps-former')
}
