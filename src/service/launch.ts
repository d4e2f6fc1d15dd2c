import { CloudError, reasonOf } from '../model/errors.ts'
import type { ContextEvent } from '../model/events.ts'
import type { Instance, InstanceState } from '../model/instance.ts'
import type { Call, Provider, RemoteInstance } from '../providers/provider.ts'
import { settleLinks, toAttachments } from './attachments.ts'
import { offerAgain, prepareOffers } from './offers.ts'
import { callWithin, providerNamed, sleepUnless, type ServiceParts } from './parts.ts'
import { isRefusal } from './refusal.ts'
import { learnt } from './seen.ts'

/** How a launch is begun. */
export interface LaunchOptions {
  /** Nobody can have asked the provider for it before, so there is nothing to look for. */
  readonly isNew: boolean
  readonly credential?: Call['credential']
  /** Fires when the launch is given up: the instance is to be deleted. */
  readonly signal: AbortSignal
  /** Asked once, when the provider refused: whether somebody is told of it, so that nothing need be kept. */
  readonly takesRefusal: () => boolean
}

const CREATE_MS = 120_000
const FIND_MS = 30_000
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
    try {
      const mayExist = tries > 0 || !options.isNew
      const found = mayExist ? await findSettled(provider, instance, ended, options.credential) : undefined
      if (found) {
        // Whoever created it may have died, and his metadata socket with him.
        await offerAgain(instance, parts.metadata)
        return await adopt(parts, instance, found)
      }
      if (tries++ < CREATE_TRIES) return await adopt(parts, instance, await create(parts, provider, instance, options))
    } catch (error) {
      if (ended.aborted) throw new CloudError('timeout', `creating ${instance.id} was given up`, { cause: error })
      if (isRefusal(error)) return await refuse(parts, instance, error, options)
      lost = error
      if (Date.now() >= until) return await fail(parts, instance, `outcome unknown: ${reasonOf(lost)}`)
      parts.log.warn({ instanceId: instance.id, reason: reasonOf(lost) }, 'the outcome of a create is not known yet')
      await sleepUnless(pauseMs, ended)
      continue
    }
    // Proven absent after the last try: more of the same would help nobody.
    return await refuse(parts, instance, lost, options)
  }
}

/** Looks, and again after the time in which the provider may still miss it. */
async function findSettled(
  provider: Provider,
  { id }: Instance,
  ended: AbortSignal,
  credential: Call['credential'],
): Promise<RemoteInstance | undefined> {
  const look = (): Promise<RemoteInstance | undefined> => provider.find(id, callWithin(FIND_MS, [ended], credential))
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
  { signal, credential }: LaunchOptions,
): Promise<RemoteInstance> {
  const { id, spec, image, size, plan } = instance
  const attachments = toAttachments(await parts.store.listResources('link', { instanceId: id }))
  // A disk can tell the guest only what is known before the boot.
  const network = provider.foresee?.({ id, networks: attachments.networks })
  const offers = await prepareOffers(network ? { ...instance, network } : instance, parts.metadata)
  const call = callWithin(CREATE_MS, [signal, parts.closing], credential)
  return await provider.create({ id, spec, image, size, plan, offers, ...attachments }, call)
}

/** @throws {CloudError} unavailable when it cannot be recorded: it is there all the same, and found again */
async function adopt(parts: ServiceParts, instance: Instance, remote: RemoteInstance): Promise<Instance> {
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

function offeredEvents({ id, revision, plan, userDataSha256 }: Instance): readonly ContextEvent[] {
  return plan.deliveries.map(({ method }) => ({
    at: Date.now(),
    instanceId: id,
    revision,
    kind: 'offered',
    source: 'service',
    method,
    ...(userDataSha256 === undefined ? {} : { sha256: userDataSha256 }),
  }))
}

async function refuse(
  parts: ServiceParts,
  instance: Instance,
  error: unknown,
  { takesRefusal }: LaunchOptions,
): Promise<never> {
  if (takesRefusal()) {
    await parts.metadata?.withdraw(instance.id)
    await parts.store.deleteInstance(instance.id, [stateEvent(instance, `refused: ${reasonOf(error)}`)], true)
    parts.recorder.notify(instance.id)
  } else await fail(parts, instance, reasonOf(error))
  throw error
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
