import { CloudError, isCloudError, reasonOf } from '../model/errors.ts'
import type { Call } from '../providers/provider.ts'
import { oneAtATime } from '../providers/turns.ts'
import type { Resources } from '../store/store.ts'
import type { Caller } from '../model/instance.ts'
import { providerNamed, type ServiceParts } from './parts.ts'
import { isRefusal } from './refusal.ts'
import { callFor, waitsFor, type OnBehalf } from './rights.ts'

/** How one kind of resource is made and unmade at its cloud. */
export interface ResourceWork<R> {
  /** The same again gives the same: it is repeated after a crash. */
  readonly make: (resource: R, call: Call) => Promise<Partial<R>>
  /** What its cloud tells of it now. */
  readonly look: (resource: R, call: Call) => Promise<Partial<R>>
  /** No error when it is gone. */
  readonly unmake: (resource: R, call: Call) => Promise<void>
  /** Whether it has to wait for something else before it can be made or unmade. */
  readonly waits?: (resource: R) => Promise<boolean>
}

/** The course of every resource of one kind: its intent stands in the store before its cloud is asked. */
export interface Lifecycle<R> {
  /**
   * @param isRepeat where its id belongs to a key: whether what is there was made by the same request
   * @returns what that request made; `undefined` where it is inserted now
   * @throws {CloudError} conflict when the store has it already, or something that it excludes
   */
  insert(resource: R, isRepeat?: (earlier: R) => boolean): Promise<R | undefined>
  /** Makes what is inserted. @throws {CloudError} what its cloud refuses with: then nothing is kept */
  make(resource: R, whose: OnBehalf): Promise<R>
  refresh(resource: R, whose: OnBehalf): Promise<R>
  /** Does something to it while nothing else is done to it. */
  inTurn<T>(id: string, task: () => Promise<T>): Promise<T>
  /** @throws {CloudError} what its cloud refuses with: then it stays as it was */
  remove(resource: R, whose: OnBehalf): Promise<void>
  /**
   * Finishes what a crash, or an answer that was lost, left `creating` or `deleting`.
   *
   * @param caller what waits for his project's rights; absent: what needs nobody's
   */
  readonly mendAll: (caller?: Caller) => Promise<void>
}

const MAKE_MS = 60_000
// Who looks at one waits no longer than this for its cloud.
const LOOK_MS = 3000
const UNFINISHED = ['creating', 'deleting'] as const

type Kind = keyof Resources

/** @param kind of which the store knows it, and people by its errors */
export function resourceLifecycle<K extends Kind>(
  parts: Pick<ServiceParts, 'store' | 'providers' | 'log' | 'closing'>,
  kind: K,
  work: ResourceWork<Resources[K]>,
): Lifecycle<Resources[K]> {
  type R = Resources[K]
  const { store, log, closing } = parts
  const turns = oneAtATime()
  const busy = new Set<string>()

  const callTo = ({ provider }: R, whose: OnBehalf, ms: number) =>
    callFor(providerNamed(parts, provider), whose, ms, [closing])
  const isFor = ({ provider: name }: R, caller: Caller | undefined): boolean => {
    const provider = parts.providers.get(name)
    return provider ? waitsFor(provider, caller) : caller === undefined
  }

  const inTurn: Lifecycle<R>['inTurn'] = (id, task) =>
    turns(id, async () => {
      busy.add(id)
      try {
        return await task()
      } finally {
        busy.delete(id)
      }
    })
  const keep = (id: string, change: Partial<R>): Promise<R> =>
    store.updateResource(kind, id, { ...change, updatedAt: Date.now() })

  /** @param isAwaited somebody is told when it is refused, so that nothing need be kept */
  async function make(resource: R, whose: OnBehalf, isAwaited: boolean): Promise<R> {
    try {
      return await keep(resource.id, await work.make(resource, callTo(resource, whose, MAKE_MS)))
    } catch (error) {
      if (!isRefusal(error)) {
        log.warn({ [kind]: resource.id, reason: reasonOf(error) }, `whether the ${kind} was made is not known yet`)
        return resource
      }
      if (isAwaited) await store.deleteResource(kind, resource.id)
      else await keep(resource.id, { state: 'error', reason: reasonOf(error) } as Partial<R>)
      throw error
    }
  }

  async function unmake(resource: R, whose: OnBehalf): Promise<void> {
    // On the disk before its cloud is asked: a crash from here on ends in its deletion.
    await keep(resource.id, { state: 'deleting' } as Partial<R>)
    try {
      await work.unmake(resource, callTo(resource, whose, MAKE_MS))
    } catch (error) {
      if (isRefusal(error)) await keep(resource.id, { state: resource.state } as Partial<R>)
      throw error
    }
    await store.deleteResource(kind, resource.id)
  }

  async function mend(id: string, whose: OnBehalf): Promise<void> {
    // Whoever worked on it before may have finished.
    const resource = await store.getResource(kind, id)
    if (!resource || (await work.waits?.(resource))) return
    if (resource.state === 'creating') await make(resource, whose, false)
    if (resource.state === 'deleting') await unmake(resource, whose)
  }

  return {
    inTurn,
    async insert(resource, isRepeat) {
      try {
        await store.insertResource(kind, resource)
        return undefined
      } catch (error) {
        const earlier = isRepeat && isCloudError(error, 'conflict') && (await store.getResource(kind, resource.id))
        if (!earlier) throw error
        if (isRepeat(earlier)) return earlier
        throw new CloudError('conflict', `the idempotency key was used for ${kind} ${earlier.id}: send a new key`)
      }
    },
    make: (resource, whose) => inTurn(resource.id, () => make(resource, whose, true)),
    refresh: async (resource, whose) => {
      if (UNFINISHED.some((state) => state === resource.state)) return resource
      try {
        const seen = await work.look(resource, callTo(resource, whose, LOOK_MS))
        return isNews(resource, seen) ? await keep(resource.id, seen) : resource
      } catch (error) {
        if (isCloudError(error, 'not-found')) {
          const gone = { state: 'error', reason: 'its cloud does not have it any more' } as Partial<R>
          return isNews(resource, gone) ? await keep(resource.id, gone) : resource
        }
        log.warn({ [kind]: resource.id, reason: reasonOf(error) }, `the ${kind}'s state could not be asked`)
        return resource
      }
    },
    remove: (resource, whose) =>
      inTurn(resource.id, async () => {
        // The one before us in the line may have changed or deleted it.
        const now = await store.getResource(kind, resource.id)
        if (!now) throw new CloudError('not-found', `there is no ${kind} ${resource.id}`)
        await unmake(now, whose)
      }),
    mendAll: async (caller) => {
      const of = caller ? { project: caller.project } : {}
      const unfinished = await store.listResources(kind, { ...of, states: UNFINISHED })
      for (const { id } of unfinished.filter((each) => !busy.has(each.id) && isFor(each, caller)))
        await inTurn(id, () => mend(id, caller)).catch((error: unknown) => {
          if (!closing.aborted) log.warn({ [kind]: id, reason: reasonOf(error) }, `an unfinished ${kind} waits`)
        })
    },
  }
}

function isNews<R extends object>(resource: R, seen: Partial<R>): boolean {
  return Object.entries(seen).some(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(Reflect.get(resource, key)),
  )
}
