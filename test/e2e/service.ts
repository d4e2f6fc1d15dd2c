import { createService, type ServiceOptions } from '../../src/service/index.ts'
import { createRecorder } from '../../src/service/recorder.ts'
import type { Service } from '../../src/service/service.ts'
import type { MetadataDelivery } from '../../src/deliveries/delivery.ts'
import { USER_DATA_MAX_BYTES } from '../../src/model/context.ts'
import { memoryProvider, type MemoryProvider, type MemoryProviderOptions } from '../../src/providers/memory/index.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'

/** A real service, and what stands below it. */
export interface OpenService {
  readonly service: Service
  readonly provider: MemoryProvider
  readonly store: Store
  /** What was logged, for people. */
  readonly said: readonly string[]
  /** Whose metadata sockets are there. */
  readonly offered: ReadonlySet<string>
  /** Ends the service, with what is under way left as it is; the store stays open. */
  readonly stop: () => Promise<void>
  readonly close: () => Promise<void>
}

/** What may be other than usual. */
export interface OpenOptions extends Partial<
  Pick<
    ServiceOptions,
    'answerMs' | 'reconcileEveryMs' | 'listenEveryMs' | 'straysEveryMs' | 'signWithinMs' | 'metadata' | 'rules' | 'node'
  >
> {
  readonly cloud?: MemoryProviderOptions
  readonly provider?: MemoryProvider
  readonly store?: Store
}

/** The real service over the memory provider and SQLite in memory; the metadata server only says where it would listen. */
export async function openService(options: OpenOptions = {}): Promise<OpenService> {
  const { cloud, store = await sqliteStore(':memory:'), provider = memoryProvider(cloud), ...rest } = options
  const said: string[] = []
  const offered = new Set<string>()
  const say = (fields: Readonly<Record<string, unknown>>, message: string): void => {
    said.push(`${message} ${JSON.stringify(fields)}`)
  }
  const log = { info: say, warn: say, error: say }
  const recorder = createRecorder({ store, log })
  const running = createService({
    store,
    providers: new Map([[provider.name, provider]]),
    metadata: silentMetadata(offered),
    recorder,
    rules: { servesMetadata: true, userDataMaxBytes: USER_DATA_MAX_BYTES },
    log,
    node: 'test',
    ...rest,
  })
  await running.start()
  const stop = async (): Promise<void> => {
    await running.close()
    await recorder.close()
  }
  return {
    service: running.service,
    provider,
    store,
    said,
    offered,
    stop,
    close: async () => {
      await stop()
      await store.close()
    },
  }
}

/** Guests in memory ask nothing, so nobody need listen. */
function silentMetadata(offered: Set<string>): MetadataDelivery {
  return {
    offer: async (instanceId) => {
      offered.add(instanceId)
      return { socketPath: `/nowhere/${instanceId}` }
    },
    withdraw: async (instanceId) => void offered.delete(instanceId),
    refresh: () => {},
  }
}
