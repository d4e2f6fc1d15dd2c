import { isDeepStrictEqual } from 'node:util'
import { isCloudError, reasonOf } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Provider, RemoteInstance } from '../providers/provider.ts'
import { settleLinks } from './attachments.ts'
import { stateEvent } from './launch.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { callFor, type OnBehalf } from './rights.ts'
import { learnt } from './seen.ts'

// Who looks at an instance waits no longer than this for its cloud.
const LOOK_MS = 3000
const LIST_MS = 30_000

/** The instance as its provider tells of it now, or as it was last seen where the provider does not answer in time. */
export async function refresh(parts: ServiceParts, instance: Instance, whose: OnBehalf): Promise<Instance> {
  const { remoteId } = instance
  // What is not yet there or on its way out has its own course.
  if (remoteId === undefined || instance.state === 'deleting') return instance
  const remote = await look(parts, instance, remoteId, whose)
  return remote ? await keep(parts, instance, remote) : instance
}

/**
 * Brings all instances of a provider up to date with one question: lists show what was last seen.
 *
 * @param caller those of his project, with his rights; absent: all
 * @throws {CloudError} what the provider fails with
 */
export async function refreshAll(parts: ServiceParts, provider: Provider, caller?: Caller): Promise<void> {
  const { name } = provider
  const of = caller ? { provider: name, project: caller.project } : { provider: name }
  const instances = await parts.store.listInstances({ ...of, states: CHANGING })
  if (instances.length === 0) return
  const found = await provider.list(callFor(provider, caller, LIST_MS, [parts.closing]))
  const byId = new Map(found.map((remote) => [remote.remoteId, remote]))
  for (const instance of instances) {
    const remote = instance.remoteId === undefined ? undefined : byId.get(instance.remoteId)
    // It may have been deleted since.
    if (remote) await keep(parts, instance, remote).catch(unlessGone)
  }
}

function unlessGone(error: unknown): void {
  if (!isCloudError(error, 'not-found')) throw error
}

/** States that change by themselves; what is missing from a list is asked for singly, by who looks at it. */
const CHANGING = ['creating', 'active', 'inactive', 'suspended', 'unknown'] as const

type Seen = Pick<RemoteInstance, 'state' | 'reason' | 'network' | 'facts' | 'attached'>

async function keep(parts: ServiceParts, instance: Instance, seen: Seen): Promise<Instance> {
  const { state, reason, attached } = seen
  const news = learnt(instance, seen)
  if (state === instance.state && reason === instance.reason && isKnown(instance, news)) return instance
  const change = {
    state,
    ...(reason === undefined ? {} : { reason }),
    ...news,
    updatedAt: Date.now(),
  }
  // A guest that is started anew may call its devices otherwise.
  if (attached && state === 'active') await settleLinks(parts.store, instance.id, attached)
  const events = state === instance.state ? [] : [stateEvent(instance, `${instance.state} -> ${state}`, state)]
  // Somebody may have begun to delete it since it was looked at.
  const kept = await parts.store.updateInstance(instance.id, change, events, 'deleting')
  // What was rendered before is old.
  parts.metadata?.refresh(instance.id)
  parts.recorder.notify(instance.id)
  return kept
}

/** Addresses come later than the machine, and a cloud's lists do not have them. */
function isKnown({ network, facts }: Instance, news: ReturnType<typeof learnt>): boolean {
  return (
    isDeepStrictEqual(facts, news.facts) && (news.network === undefined || isDeepStrictEqual(network, news.network))
  )
}

async function look(
  parts: ServiceParts,
  instance: Instance,
  remoteId: string,
  whose: OnBehalf,
): Promise<Seen | undefined> {
  try {
    const provider = providerNamed(parts, instance.provider)
    return await provider.get(remoteId, callFor(provider, whose, LOOK_MS, [parts.closing]))
  } catch (error) {
    if (isCloudError(error, 'not-found')) return { state: 'error', reason: 'its cloud does not have it any more' }
    parts.log.warn({ instanceId: instance.id, reason: reasonOf(error) }, 'the state could not be asked')
    return undefined
  }
}
