import { CloudError } from '../model/errors.ts'
import type { Instance } from '../model/instance.ts'
import type { Call, Provider } from '../providers/provider.ts'
import { stateEvent } from './launch.ts'
import { providerNamed, sleepUnless, type ServiceParts } from './parts.ts'
import { callFor, type OnBehalf } from './rights.ts'

const DELETE_MS = 60_000

/**
 * Deletes an instance in state `deleting`: at its provider first, then here. May be done again after a crash at any point.
 *
 * @throws {CloudError} what the provider fails with: the instance then stays `deleting`, to be tried again
 */
export async function remove(parts: ServiceParts, instance: Instance, whose: OnBehalf): Promise<void> {
  const provider = providerNamed(parts, instance.provider)
  const call = callFor(provider, whose, DELETE_MS, [parts.closing])
  for (const remoteId of await remoteIdsOf(provider, instance, call, parts.closing))
    await provider.delete(remoteId, call)
  await provider.discard?.(instance.id, call)
  await parts.metadata?.withdraw(instance.id)
  await parts.store.deleteInstance(instance.id, [stateEvent(instance, 'deleted', 'deleted')])
  // Whoever asked meanwhile still found it in the store.
  parts.metadata?.refresh(instance.id)
  parts.recorder.notify(instance.id)
}

/** One whose create was never answered may be there all the same, perhaps not to be seen yet. */
async function remoteIdsOf(
  provider: Provider,
  { id, remoteId }: Instance,
  call: Call,
  closing: AbortSignal,
): Promise<readonly string[]> {
  if (remoteId !== undefined) return [remoteId]
  const found = await provider.find(id, call)
  if (found) return [found.remoteId]
  await sleepUnless(provider.capabilities.settleMs, closing)
  if (closing.aborted) throw new CloudError('timeout', `deleting ${id} was given up; it is done at the next start`)
  const later = await provider.find(id, call)
  return later ? [later.remoteId] : []
}
