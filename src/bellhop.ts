import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.ts'
import { createMetadataServer, type MetadataServer } from './deliveries/metadata-http.ts'
import { siteContextsIn } from './deliveries/metadata-sites.ts'
import { reportToken } from './deliveries/metadata-token.ts'
import { CloudError } from './model/errors.ts'
import { PROVIDERS } from './providers/index.ts'
import type { Provider } from './providers/provider.ts'
import { contextSource } from './service/context.ts'
import { createService } from './service/index.ts'
import { createRecorder, type RecorderOptions } from './service/recorder.ts'
import type { Service } from './service/service.ts'
import { sqliteStore } from './store/sqlite.ts'
import type { Store } from './store/store.ts'

/** Bellhop without its API: what `serve` and `run` share. */
export interface Bellhop {
  readonly service: Service
  readonly store: Store
  /** By name. */
  readonly providers: ReadonlyMap<string, Provider>
  /** Absent where it is switched off. */
  readonly metadata?: MetadataServer
  /** Leaves instances as they are; what is under way is finished at the next start. */
  close(): Promise<void>
}

/** What of the configuration this needs. */
export type BellhopConfig = Pick<Config, 'metadata' | 'store' | 'providers' | 'stateDir'> &
  Partial<Pick<Config, 'vendordata' | 'report' | 'evidence'>> & {
    readonly server: Pick<Config['server'], 'userDataMaxBytes'>
  }

/**
 * Opens store, providers, metadata server and service, in this order; `close` goes the other way.
 *
 * @throws {CloudError} invalid for a provider's settings, unavailable when store or state folder cannot be used
 */
export async function openBellhop(
  config: BellhopConfig,
  log: Logger,
  onRecord: NonNullable<RecorderOptions['onRecord']> = () => {},
): Promise<Bellhop> {
  await using opened = new AsyncDisposableStack()
  await mkdir(config.stateDir, { recursive: true, mode: 0o700 })
  const store = await sqliteStore(config.store.sqlite)
  opened.defer(() => store.close())
  const recorder = createRecorder({ store, log, onRecord })
  opened.defer(() => recorder.close())
  const providers = await openProviders(config, log)
  opened.defer(async () => {
    for (const provider of providers.values()) await provider.close?.()
  })
  const secret = await store.secret('metadata')
  const { enabled, siteContextsDir } = config.metadata
  const reportUrl = enabled ? config.report?.url : undefined
  const warn = (line: string): void => log.warn(line)
  const siteContexts = siteContextsDir === undefined ? undefined : await siteContextsIn(siteContextsDir, warn)
  const metadata = enabled
    ? createMetadataServer({
        source: contextSource(store),
        recorder,
        secret,
        log: warn,
        passwords: {
          get: (instanceId) => store.guestPassword(instanceId),
          set: (instanceId, password) => store.keepGuestPassword(instanceId, password),
          // It goes with its instance.
          delete: async () => {},
        },
        socketsDir: join(config.stateDir, 'sockets'),
        ...(siteContexts ? { siteContexts } : {}),
      })
    : undefined
  if (metadata) opened.defer(() => metadata.close())
  const reporting =
    reportUrl === undefined ? {} : { reportUrl: (id: string) => `${reportUrl}/report/${reportToken(secret, id)}` }
  const running = createService({
    store,
    providers,
    recorder,
    rules: {
      servesMetadata: metadata !== undefined,
      userDataMaxBytes: config.server.userDataMaxBytes,
      answersFor: new Map(
        config.metadata.neutron?.flatMap(({ providers, configDrive }) =>
          providers.map((name) => [name, { keepsDisk: configDrive }] as const),
        ),
      ),
      tracks: config.report?.enabled ?? true,
      ...reporting,
      hearsFrom: new Set(reportUrl === undefined ? [] : config.vendordata?.map(({ provider }) => provider)),
    },
    log,
    node: hostname(),
    ...config.evidence,
    ...(metadata ? { metadata } : {}),
    ...reporting,
  })
  opened.defer(() => running.close())
  await running.start()
  const closing = opened.move()
  return {
    service: running.service,
    store,
    providers,
    ...(metadata ? { metadata } : {}),
    close: () => closing.disposeAsync(),
  }
}

async function openProviders(
  { providers, stateDir }: Pick<Config, 'providers' | 'stateDir'>,
  log: Logger,
): Promise<ReadonlyMap<string, Provider>> {
  const opened = new Map<string, Provider>()
  for (const [name, { driver, ...settings }] of Object.entries(providers)) {
    const load = Object.hasOwn(PROVIDERS, driver) ? PROVIDERS[driver] : undefined
    if (!load)
      throw new CloudError(
        'invalid',
        `configuration: providers.${name}.driver: there is no "${driver}"; there are ${Object.keys(PROVIDERS).join(', ')}`,
      )
    opened.set(name, await load(settings, { name, stateDir, log }))
  }
  return opened
}
