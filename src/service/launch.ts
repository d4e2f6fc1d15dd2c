import { CloudError, isCloudError, reasonOf } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import type { Instance, InstanceState } from '../model/instance.ts'
import type { Provider, RemoteInstance } from '../providers/provider.ts'
import { settleLinks, toAttachments } from './attachments.ts'
import { offeredEvents } from './delivery-events.ts'
import { offerAgain, prepareOffers } from './offers.ts'
import { providerNamed, sleepUnless, type ServiceParts } from './parts.ts'
import { isRefusal } from './refusal.ts'
import { callFor, type OnBehalf } from './rights.ts'
import { learnt } from './seen.ts'
import { carriedSpec, sayingBothSizes } from './wrapping.ts'

/** How a launch is begun. */
export interface LaunchOptions {
  /** Nobody can have asked the provider for it before, so there is nothing to look for. */
  readonly isNew: boolean
  readonly whose: OnBehalf
  /** Fires when the launch is given up: the instance is to be deleted. */
  readonly signal: AbortSignal
  /** Asked once, when the provider refused: whether somebody is told of it, so that nothing need be kept. */
  readonly takesRefusal: () => boolean
}

const CREATE_MS = 120_000
const FIND_MS = 30_000
const DISCARD_MS = 10_000
/** A provider that is proven not to have it is asked so often. */
const CREATE_TRIES = 3
/** After so long without knowing what became of it, it is an error. */
const GIVE_UP_MS = 300_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 15_000

/**
 * Brings an instance whose intent is recorded to its provider, exactly once: after an answer that was lost it is looked for
 * by our id, and only what is proven absent is created again.
 *
 * @returns the instance with its `remoteId`
 * @throws {CloudError} what the provider refuses with: then the instance is gone where `takesRefusal`, else in `error`;
 *   timeout when it was given up or the service closes: then it is left as it was
 */
export async function launch(parts: ServiceParts, instance: Instance, options: LaunchOptions): Promise<Instance> {
  const provider = providerNamed(parts, instance.provider)
  const ended = AbortSignal.any([options.signal, parts.closing])
  const until = Date.now() + GIVE_UP_MS
  let lost: unknown
  for (let tries = 0, pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const mayExist = tries > 0 || !options.isNew
    try {
      const found = mayExist ? await findSettled(provider, instance, ended, options.whose) : undefined
      if (found) {
        // Whoever created it may have died, and his metadata socket with him.
        await offerAgain(instance, parts.metadata)
        return await adopt(parts, instance, found)
      }
      if (tries++ < CREATE_TRIES) return await adopt(parts, instance, await create(parts, provider, instance, options))
    } catch (error) {
      if (ended.aborted) throw new CloudError('timeout', `creating ${instance.id} was given up`, { cause: error })
      // What may be there already is its owner's still, whose next token finds it.
      if (mayExist && isCloudError(error, 'unauthenticated'))
        throw new CloudError('unavailable', `creating ${instance.id} waits for its owner: his token has ended`, {
          cause: error,
        })
      if (isRefusal(error)) return await refuse(parts, instance, error, { ...options, wasLost: lost !== undefined })
      lost = error
      if (Date.now() >= until) return await fail(parts, instance, `outcome unknown: ${reasonOf(lost)}`)
      parts.log.warn({ instanceId: instance.id, reason: reasonOf(lost) }, 'the outcome of a create is not known yet')
      await sleepUnless(pauseMs, ended)
      continue
    }
    // Proven absent after the last try: more of the same would help nobody.
    return await refuse(parts, instance, lost, { ...options, wasLost: true })
  }
}

/** Looks, and again after the time in which the provider may still miss it. */
async function findSettled(
  provider: Provider,
  { id }: Instance,
  ended: AbortSignal,
  whose: OnBehalf,
): Promise<RemoteInstance | undefined> {
  const look = async (): Promise<RemoteInstance | undefined> => {
    const call = callFor(provider, whose, FIND_MS, [ended])
    try {
      return await provider.find(id, call)
    } catch (cause) {
      if (isCloudError(cause, 'unauthenticated')) throw cause
      // Refused or broken, it shows nothing: no answer to a look says that nothing is there.
      throw new CloudError('unavailable', `whether ${id} is there cannot be seen: ${reasonOf(cause)}`, { cause })
    }
  }
  const found = await look()
  const { settleMs } = provider.capabilities
  if (found || settleMs === 0) return found
  await sleepUnless(settleMs, ended)
  return await look()
}

async function create(
  parts: ServiceParts,
  provider: Provider,
  instance: Instance,
  { signal, whose }: LaunchOptions,
): Promise<RemoteInstance> {
  const { id, image, size, plan } = instance
  const spec = carriedSpec(instance, parts.rules.reportUrl)
  const attachments = toAttachments(await parts.store.listResources('link', { instanceId: id }))
  // A disk can tell the guest only what is known before the boot.
  const network = provider.foresee?.({ id, networks: attachments.networks })
  const offers = await prepareOffers(network ? { ...instance, network } : instance, parts.metadata)
  const call = callFor(provider, whose, CREATE_MS, [signal, parts.closing])
  try {
    return await provider.create({ id, spec, image, size, plan, offers, ...attachments }, call)
  } catch (error) {
    throw sayingBothSizes(error, instance)
  }
}

/**
 * Records that an instance's machine is there.
 *
 * @throws {CloudError} unavailable when it cannot be recorded: it is there all the same, and found again
 */
export async function adopt(parts: ServiceParts, instance: Instance, remote: RemoteInstance): Promise<Instance> {
  try {
    return await record(parts, instance, remote)
  } catch (cause) {
    throw new CloudError('unavailable', `${instance.id} is there, but that cannot be recorded`, { cause })
  }
}

async function record(parts: ServiceParts, instance: Instance, remote: RemoteInstance): Promise<Instance> {
  const { remoteId, state, reason } = remote
  const change = {
    remoteId,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...learnt(instance, remote),
    updatedAt: Date.now(),
  }
  // At once, so that the disk is waited for once; a crash in between is mended, by the instance or by its links.
  const [kept] = await Promise.all([
    parts.store.updateInstance(instance.id, change, offeredEvents(instance)),
    settleLinks(parts.store, instance.id, remote.attached ?? []),
  ])
  // What was rendered before it had an address is old.
  parts.metadata?.refresh(instance.id)
  parts.recorder.notify(instance.id)
  return kept
}

async function refuse(
  parts: ServiceParts,
  instance: Instance,
  error: unknown,
  { takesRefusal, whose, wasLost }: LaunchOptions & { readonly wasLost: boolean },
): Promise<never> {
  const isTold = takesRefusal()
  const isClean = await discard(parts, instance, whose)
  if (isTold) {
    const event = stateEvent(instance, `refused: ${reasonOf(error)}`)
    await parts.metadata?.withdraw(instance.id)
    // What cannot be taken away now is the reconciler's work. Where an answer was lost, that it was is not forgotten.
    if (isClean) await parts.store.deleteInstance(instance.id, [event], !wasLost)
    else await parts.store.updateInstance(instance.id, { state: 'deleting', updatedAt: Date.now() }, [event])
    // Whoever asked meanwhile still found it in the store.
    parts.metadata?.refresh(instance.id)
    parts.recorder.notify(instance.id)
  } else await fail(parts, instance, reasonOf(error))
  throw error
}

/** Takes away what was made for an instance that will not be. @returns whether nothing of it is left */
async function discard(parts: ServiceParts, { provider: name, id }: Instance, whose: OnBehalf): Promise<boolean> {
  try {
    const provider = providerNamed(parts, name)
    await provider.discard?.(id, callFor(provider, whose, DISCARD_MS, [parts.closing]))
    return true
  } catch (error) {
    parts.log.warn({ instanceId: id, reason: reasonOf(error) }, 'what was made for it could not be taken away yet')
    return false
  }
}

async function fail(parts: ServiceParts, instance: Instance, reason: string): Promise<Instance> {
  await parts.metadata?.withdraw(instance.id)
  const change = { state: 'error', reason, updatedAt: Date.now() } as const
  const kept = await parts.store.updateInstance(instance.id, change, [
    stateEvent(instance, `error: ${reason}`, 'error'),
  ])
  parts.recorder.notify(instance.id)
  return kept
}

/** A line in the timeline on what became of the instance itself. @param next the state that it comes to */
export function stateEvent({ id, revision, state }: Instance, detail: string, next?: InstanceState): ContextEvent {
  const change = next === undefined ? {} : { state: next, previous: state }
  return { at: Date.now(), instanceId: id, revision, kind: 'state', source: 'service', ...change, detail }
}
