import { sha256 } from '../model/digest.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import { deliveryOf, type ContextEvent } from '../model/events.ts'
import type { Action, Caller, Instance, InstanceSpec, InstanceState } from '../model/instance.ts'
import type { Plan } from '../model/plan.ts'
import type { EventRange } from '../store/store.ts'
import { ownInstance, requireMember } from './access.ts'
import { offeredAtStart, plannedEvents } from './delivery-events.ts'
import { newId } from './ids.ts'
import { imageUseCases } from './images.ts'
import { launch, stateEvent } from './launch.ts'
import type { LinkWork } from './links.ts'
import { providerNamed, sleepUnless, type ServiceParts } from './parts.ts'
import { planDelivery } from './plan.ts'
import { refresh } from './refresh.ts'
import { remove } from './removal.ts'
import { renamed } from './renaming.ts'
import { callFor, requireRights } from './rights.ts'
import type { InstanceUseCases, NewInstance } from './service.ts'
import { chooseTemplates, listSizes, type Templates } from './templates.ts'
import { busyElsewhere, type Turnstile } from './turnstile.ts'
import { replacesUserData } from './user-data.ts'

/** How the use cases work together. */
export interface InstancesOptions {
  readonly turnstile: Turnstile
  readonly links: Pick<LinkWork, 'withNew'>
  /** An instance is there: what it says may be listened to. */
  readonly onLaunched: (instance: Instance) => void
  /** Somebody wants to know what became of its data. */
  readonly onAsked: (instance: Instance, caller: Caller) => Promise<void>
  /** How long a client waits for its new instance before it is told `creating`, in milliseconds. */
  readonly answerMs: number
}

const ACT_MS = 120_000
const CONSOLE_MS = 10_000
/** Another node's events are not told to us: so look again after this. */
const WATCH_MS = 1000

/** The use cases over store and providers. */
export function instanceUseCases(parts: ServiceParts, options: InstancesOptions): InstanceUseCases {
  const { store, recorder } = parts
  const { turnstile } = options
  const launches = new Map<string, AbortController>()

  async function planFor(
    spec: InstanceSpec,
    caller: Caller,
    id?: string,
  ): Promise<{ readonly templates: Templates; readonly plan: Plan }> {
    const templates = await chooseTemplates(parts, spec, caller)
    return { templates, plan: planDelivery(spec, providerNamed(parts, templates.image.provider), parts.rules, id) }
  }

  /** Resolves with the launched instance, or after `answerMs` with one that is still `creating`. */
  async function begin(instance: Instance, caller: Caller): Promise<Instance> {
    const giveUp = new AbortController()
    launches.set(instance.id, giveUp)
    let isAwaited = true
    let isRefused = false
    const takesRefusal = (): boolean => (isRefused = isAwaited)
    const launching = turnstile
      .pass(instance.id, () =>
        launch(parts, instance, {
          isNew: true,
          signal: giveUp.signal,
          takesRefusal,
          whose: caller,
        }),
      )
      .finally(() => launches.delete(instance.id))
    const patience = new AbortController()
    const tooLong = sleepUnless(options.answerMs, patience.signal).then(() => 'too long' as const)
    try {
      const first = await Promise.race([launching, tooLong])
      if (first !== 'too long' || isRefused) return started((await launching) ?? instance)
    } finally {
      patience.abort()
      isAwaited = false
    }
    launching.then(
      (kept) => kept && started(kept),
      (error: unknown) => parts.log.warn({ instanceId: instance.id, reason: reasonOf(error) }, 'not created'),
    )
    return instance
  }

  function started(instance: Instance): Instance {
    if (instance.remoteId !== undefined) options.onLaunched(instance)
    return instance
  }

  async function create({ spec, id: wanted, idempotencyKey }: NewInstance, caller: Caller): Promise<Instance> {
    requireMember(caller)
    const id = newId({ id: wanted })
    const { templates, plan } = await planFor(spec, caller, id)
    const { links = [], ...alone } = spec
    const instance = toInstance(id, alone, templates, plan, caller)
    return await turnstile.first(instance.id, async (lease) => {
      const kept = await options.links.withNew(instance, links, caller, (made) =>
        store.insertInstance(instance, plannedEvents(instance, instance.createdAt), {
          links: made,
          lease,
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        }),
      )
      return kept.id === instance.id ? await begin(instance, caller) : kept
    })
  }

  async function act(id: string, action: Action, caller: Caller, method?: string): Promise<Instance> {
    const instance = await ownInstance(store, id, caller)
    requireMember(caller)
    const { provider: name, remoteId, state } = instance
    const provider = providerNamed(parts, name)
    if (!provider.capabilities.actions.includes(action))
      throw new CloudError(
        'unsupported',
        `${name} cannot ${action}; it can ${provider.capabilities.actions.join(', ')}`,
      )
    if (remoteId === undefined || state === 'deleting')
      throw new CloudError('conflict', `instance ${id} is ${state}; ${action} needs one that is there`)
    const done = await turnstile.pass(id, async () => {
      await provider.act(remoteId, action, callFor(provider, caller, ACT_MS, [parts.closing]), method)
      // Before what became of it is looked for, so that the timeline has the cause first.
      await store.appendEvents([{ ...stateEvent(instance, `${action} asked for by ${caller.subject}`), action }])
      if (isStart(action, state)) await offerRest(id)
      recorder.notify(id)
      return true
    })
    if (!done) throw busyElsewhere(id)
    return await refresh(parts, await ownInstance(store, id, caller), caller)
  }

  /** A disk that was made anew while the guest ran is there now. */
  async function offerRest(id: string): Promise<void> {
    const instance = await store.getInstance(id)
    const rest = instance ? offeredAtStart(instance, await store.listEvents(id)) : []
    if (!instance || rest.length === 0) return
    await store.appendEvents(rest)
    // What the guest says counts now.
    parts.metadata?.refresh(id)
    options.onLaunched(instance)
  }

  async function deleteInstance(id: string, caller: Caller): Promise<void> {
    const { provider: name } = await ownInstance(store, id, caller)
    requireMember(caller)
    const provider = parts.providers.get(name)
    if (provider) requireRights(provider, caller)
    launches.get(id)?.abort()
    const done = await turnstile.pass(id, async () => {
      const instance = await ownInstance(store, id, caller)
      // On the disk before the provider is asked: a crash from here on ends in its deletion.
      const change = { state: 'deleting', updatedAt: Date.now() } as const
      const leaving = await store.updateInstance(id, change, [stateEvent(instance, 'deleting', 'deleting')])
      await remove(parts, leaving, caller)
      return true
    })
    if (done) return
    // The one before us in the line may have deleted it.
    await ownInstance(store, id, caller)
    throw busyElsewhere(id)
  }

  /** What was recorded a moment ago is among them. */
  async function eventsOf(id: string, range?: EventRange): Promise<readonly ContextEvent[]> {
    await recorder.flush()
    return await store.listEvents(id, range)
  }

  async function* watch(id: string, caller: Caller, signal: AbortSignal, after = 0): AsyncGenerator<ContextEvent> {
    await ownInstance(store, id, caller)
    const ended = AbortSignal.any([signal, parts.closing])
    for (let seen = after; !ended.aborted;) {
      const woken = recorder.changed(id, WATCH_MS, ended)
      const isThere = (await store.getInstance(id)) !== undefined
      const events = await store.listEvents(id, { after: seen })
      yield* events
      seen += events.length
      if (!isThere) return
      await woken
    }
  }

  return {
    ...imageUseCases(parts, turnstile),
    replaceUserData: replacesUserData(parts, options),
    sizes: (caller) => listSizes(parts, caller),
    plan: async (spec, caller) => (await planFor(spec, caller)).plan,
    create,
    get: async (id, caller) => await refresh(parts, await ownInstance(store, id, caller), caller),
    list: ({ project }, filter = {}) => store.listInstances({ ...filter, project }),
    act,
    async rename(id, { hostname, ...change }, caller) {
      const rename = async ({ spec }: Instance): Promise<Instance> => {
        const changed = { ...renamed(spec, change), ...(hostname === undefined ? {} : { hostname }) }
        return await store.updateInstance(id, { spec: changed, updatedAt: Date.now() })
      }
      const found = await ownInstance(store, id, caller)
      requireMember(caller)
      // In its turn, for the whole spec is written, with user data that may just be replaced; not so while it is made.
      const kept =
        found.state === 'creating'
          ? await rename(found)
          : await turnstile.pass(id, async () => rename(await ownInstance(store, id, caller)))
      if (!kept) throw busyElsewhere(id)
      // What was rendered before is old.
      if (hostname !== undefined) parts.metadata?.refresh(id)
      return kept
    },
    delete: deleteInstance,
    events: async (id, caller, range) => {
      await options.onAsked(await ownInstance(store, id, caller), caller)
      return await eventsOf(id, range)
    },
    projectEvents: async ({ project }) => {
      await recorder.flush()
      return await store.listProjectEvents(project)
    },
    delivery: async (id, caller) => {
      const instance = await ownInstance(store, id, caller)
      await options.onAsked(instance, caller)
      return deliveryOf(await eventsOf(id), instance.revision)
    },
    console: async (id, from, caller) => {
      const { provider: name, remoteId } = await ownInstance(store, id, caller)
      const provider = providerNamed(parts, name)
      if (!provider.console) throw new CloudError('unsupported', `${name} shows no console`)
      if (remoteId === undefined) return { text: '', next: from }
      return await provider.console(remoteId, from, callFor(provider, caller, CONSOLE_MS, [parts.closing]))
    },
    watch,
  }
}

/** What is suspended only goes on. */
function isStart(action: Action, state: InstanceState): boolean {
  return action === 'restart' || (action === 'start' && state === 'inactive')
}

function toInstance(id: string, spec: InstanceSpec, { image, size }: Templates, plan: Plan, caller: Caller): Instance {
  const now = Date.now()
  const name = spec.name ?? spec.hostname
  return {
    id,
    provider: image.provider,
    subject: caller.subject,
    project: caller.project,
    state: 'creating',
    spec,
    image,
    size,
    plan,
    revision: 1,
    facts: {
      ...(name === undefined ? {} : { name }),
      launchIndex: 0,
      imageName: image.name,
      sizeName: size.name,
      zone: image.provider,
      projectId: caller.project,
    },
    ...(spec.userData ? { userDataSha256: sha256(spec.userData) } : {}),
    createdAt: now,
    updatedAt: now,
  }
}
