import { reasonOf } from '../model/errors.ts'
import type { Caller, Instance } from '../model/instance.ts'
import type { Provider, RemoteInstance } from '../providers/provider.ts'
import { adopt } from './launch.ts'
import type { ServiceParts } from './parts.ts'
import { callFor } from './rights.ts'
import type { Turnstile } from './turnstile.ts'

const LIST_MS = 30_000

/** What finds machines that came too late. */
interface StraySearch {
  readonly parts: ServiceParts
  readonly turnstile: Turnstile
  readonly onLaunched: (instance: Instance) => void
}

/**
 * Looks through a provider for machines of ours that nobody has in his books. A cloud may make one long after whoever asked
 * for it gave up: it stood in a queue. An instance that was given up as lost gets it; else another machine was made by now,
 * or the instance is deleted, and it goes.
 *
 * @param caller whose project is looked through, with his rights; absent: the site's
 * @throws {CloudError} what the provider fails with
 */
export async function settleStrays(search: StraySearch, provider: Provider, caller?: Caller): Promise<void> {
  const { parts } = search
  for (const remote of await provider.list(callFor(provider, caller, LIST_MS, [parts.closing])))
    await settleStray(search, provider, remote, caller).catch((error: unknown) => {
      if (!parts.closing.aborted)
        parts.log.warn({ provider: provider.name, reason: reasonOf(error) }, 'a machine that nobody has stays for now')
    })
}

async function settleStray(
  { parts, turnstile, onLaunched }: StraySearch,
  provider: Provider,
  { remoteId, ourId }: RemoteInstance,
  caller: Caller | undefined,
): Promise<void> {
  if (ourId === undefined || (await isInBooks(parts, ourId, remoteId))) return
  // Anybody can write another's id on a machine of his own.
  const isForeign = (instance: Instance): boolean => caller !== undefined && instance.project !== caller.project
  const call = callFor(provider, caller, LIST_MS, [parts.closing])
  const discard = async (keep?: string): Promise<void> => {
    parts.log.warn({ instanceId: ourId, remoteId }, 'a machine came after its instance was settled; it is deleted')
    await provider.discard?.(ourId, call, keep)
  }
  // One that is deleted is nobody's to change any more, and its id is never used again.
  if (!(await parts.store.getInstance(ourId))) return await discard()
  await turnstile.pass(ourId, async () => {
    const instance = await parts.store.getInstance(ourId)
    // Whoever held the turn before may have settled it.
    if (!instance || isForeign(instance) || (await isInBooks(parts, ourId, remoteId))) return
    if (instance.remoteId !== undefined) return await discard(instance.remoteId)
    const found = await provider.find(ourId, call)
    if (found) onLaunched(await adopt(parts, instance, found))
  })
}

/** Whether it is as it should be, or somebody else's to settle: an unfinished instance's launch, another Bellhop's. */
async function isInBooks({ store }: ServiceParts, ourId: string, remoteId: string): Promise<boolean> {
  const instance = await store.getInstance(ourId)
  if (!instance) return (await store.listEvents(ourId)).length === 0
  return instance.remoteId === remoteId || instance.state === 'creating' || instance.state === 'deleting'
}
