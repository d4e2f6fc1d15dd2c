import { isIPv6 } from 'node:net'
import pino, { type Logger } from 'pino'
import { openBellhop } from './bellhop.ts'
import type { Config, Listen } from './config.ts'
import { metadataToken } from './deliveries/metadata-token.ts'
import { cimiFrontend, ENTRY_POINTS, MOUNTS, type CimiFrontend } from './frontends/cimi/index.ts'
import { createApiServer } from './frontends/fastify.ts'
import { createGuard, keystoneChallenge } from './frontends/guard.ts'
import { createMetrics, healthz, readyz } from './frontends/health.ts'
import { textResponse, type GuardedHandler, type HttpResponse } from './frontends/http.ts'
import { occiFrontend, occiProduct } from './frontends/occi/index.ts'
import { restFrontend } from './frontends/rest/index.ts'
import { fromEvent } from './frontends/rest/map.ts'
import { vendordataFrontend } from './frontends/vendordata/index.ts'
import { CloudError, reasonOf } from './model/errors.ts'
import type { InstanceState } from './model/instance.ts'
import { neutronListener } from './neutron.ts'
import { tokenAuthenticator } from './service/access.ts'
import { callerAuthenticator, chooseIssuers } from './service/callers.ts'
import { cloudAuthenticators } from './service/clouds.ts'
import { webhookUseCases } from './service/webhooks.ts'
import type { Store } from './store/store.ts'
import { ownToken } from './token.ts'
import { VERSION } from './version.ts'
import { endpoints } from './webhooks/endpoint.ts'
import { createWebhookSender } from './webhooks/sender.ts'

/** A server that listens. */
export interface Server {
  /** How clients reach the API. */
  readonly url: string
  /** Where the metadata server listens for guests that come by network. */
  readonly metadataUrl?: string
  /** Where the token is that the server made, because none is configured. */
  readonly tokenPath?: string
  /** Answers what is under way, then ends; instances go on. */
  close(): Promise<void>
}

/** JSON lines on stderr. */
function createLog(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
}

/**
 * The composition root: configuration -> store -> providers -> service -> front ends -> listen.
 *
 * @throws {CloudError} invalid for the configuration, unavailable when something that is needed is not there
 */
export async function startServer(config: Config, log: Logger = createLog(config.log.level)): Promise<Server> {
  await using opened = new AsyncDisposableStack()
  const metrics = createMetrics(() => countByState(bellhop.store))
  const bellhop = await openBellhop(config, log, (event) => metrics.count(event))
  opened.defer(() => bellhop.close())
  const { service, store, metadata } = bellhop
  const callers = chooseIssuers(bellhop.providers, config.auth.challenge)
  const isAlone = config.auth.tokens.length === 0 && callers.issuers.size === 0
  const own = isAlone ? await ownToken(config.stateDir) : undefined
  const authenticate = callerAuthenticator(tokenAuthenticator(own ? [own.known] : config.auth.tokens), callers)
  const keystone = callers.challenge === undefined ? undefined : callers.issuers.get(callers.challenge)

  const isHttps = config.report.url?.startsWith('https:') ?? false
  const metadataUrl =
    metadata &&
    (await listening(config.metadata.listen, 'metadata.listen', () =>
      metadata.listen({ ...config.metadata.listen, identity: { by: 'token', isHttps } }),
    ))
  const neutronUrls: string[] = []
  if (metadata)
    for (const place of config.metadata.neutron ?? []) {
      const at = await neutronListener(place, store)
      neutronUrls.push(await listening(place.listen, 'metadata.neutron.listen', () => metadata.listen(at)))
    }
  const secret = await store.secret('metadata')
  const seedUrl = (id: string): string =>
    `${config.metadata.publicUrl ?? metadataUrl}/seed/${metadataToken(secret, id)}/`

  const receivers = config.webhooks && endpoints(config.webhooks)
  if (receivers) {
    const userAgent = `bellhop/${VERSION}`
    const sender = createWebhookSender({ store, endpoints: receivers, show: fromEvent, userAgent, log })
    opened.defer(() => sender.close())
  }

  // Its URLs begin with the public one, which is known once the port is.
  const starting = async (): Promise<HttpResponse> => textResponse(503, 'starting\n')
  let occi: GuardedHandler = starting
  let cimi: CimiFrontend = { handler: starting, entryPoint: starting }
  const api = createApiServer({
    publicUrl: config.server.publicUrl ?? urlOf(config.server.listen),
    allowedOrigins: config.server.allowedOrigins,
    guard: createGuard({
      authenticate: async (token, issuerName) => {
        const caller = await authenticate(token, issuerName)
        if (caller) service.welcome(caller)
        return caller
      },
      ...(keystone ? { challenge: keystoneChallenge(keystone.issuer) } : {}),
    }),
    open: {
      '/healthz': healthz,
      '/readyz': readyz(async () => void (await store.secret('metadata'))),
    },
    services: vendordataFrontend({ service, clouds: cloudAuthenticators(config.vendordata, bellhop.providers), log }),
    welcome: Object.fromEntries(ENTRY_POINTS.map((path) => [path, (request) => cimi.entryPoint(request)])),
    routes: {
      ...Object.fromEntries(MOUNTS.map((path) => [path, (request, caller) => cimi.handler(request, caller)])),
      '/api': restFrontend({
        service,
        ...(metadataUrl === undefined ? {} : { seedUrl }),
        ...(receivers ? { webhooks: webhookUseCases({ store, endpoints: receivers }) } : {}),
      }),
      '/metrics': metrics.handler,
    },
    root: (request, caller) => occi(request, caller),
    product: occiProduct(VERSION),
    log,
  })
  const url = await listening(config.server.listen, 'server.listen', () => api.listen(config.server.listen))
  opened.defer(() => api.close())
  const { userDataEncoding: encoding, showUserData: isShown } = config.occi
  const publicUrl = config.server.publicUrl ?? url
  occi = occiFrontend({ service, publicUrl, version: VERSION, userData: { encoding, isShown } })
  cimi = cimiFrontend({ service, publicUrl })
  log.info(
    {
      url,
      ...(metadataUrl === undefined ? {} : { metadataUrl }),
      ...(neutronUrls.length > 0 ? { neutronUrls } : {}),
      version: VERSION,
    },
    'listening',
  )
  const closing = opened.move()
  return {
    url,
    ...(metadataUrl === undefined ? {} : { metadataUrl }),
    ...(own ? { tokenPath: own.path } : {}),
    close: async () => {
      log.info('closing')
      await closing.disposeAsync()
      log.info('closed')
    },
  }
}

async function countByState(store: Store): Promise<ReadonlyMap<InstanceState, number>> {
  const counts = new Map<InstanceState, number>()
  for (const { state } of await store.listInstances({})) counts.set(state, (counts.get(state) ?? 0) + 1)
  return counts
}

async function listening({ host, port }: Listen, key: string, listen: () => Promise<Listen>): Promise<string> {
  try {
    return urlOf(await listen())
  } catch (cause) {
    throw new CloudError(
      'unavailable',
      `cannot listen on ${host}:${port} (${reasonOf(cause)}); stop what listens there, or set ${key} in the configuration`,
      { cause },
    )
  }
}

function urlOf({ host, port }: Listen): string {
  return `http://${isIPv6(host) ? `[${host}]` : host}:${port}`
}
