import { Buffer } from 'node:buffer'
import { Type, type TProperties, type TSchema } from 'typebox'
import { CloudError } from '../../model/errors.ts'
import { deliveryOf } from '../../model/events.ts'
import { hostKeysOf } from '../../model/host-keys.ts'
import type { Caller, Instance } from '../../model/instance.ts'
import type { NewUserData, Service } from '../../service/service.ts'
import type { WebhookUseCases } from '../../service/webhooks.ts'
import { headerValues, type HttpRequest, type HttpResponse } from '../http.ts'
import { warningHeaders } from '../warnings.ts'
import { eventStream } from './event-stream.ts'
import { addressesOf, fromEvent, fromInstance, fromProvider } from './map.ts'
import { NewInstanceBody, toSpec } from './new-instance.ts'
import { route, type Answer, type Route } from './route.ts'
import {
  ActionBody,
  ConsoleBody,
  EventPage,
  ImageBody,
  InstanceBody,
  PlanBody,
  ProviderBody,
  SizeBody,
  SummaryBody,
} from './schemas.ts'

/** Where the API lies on its port. */
export const ROOT = '/api/v1'

/** What the REST front end is made of. */
export interface RestOptions {
  readonly service: Service
  /**
   * Where a guest that we did not start finds an instance's NoCloud files, by an unguessable URL; shown to members, for
   * whoever has it has the user data. Absent where no metadata server listens on the network.
   */
  readonly seedUrl?: (instanceId: string) => string
  /** Absent where none are sent. */
  readonly webhooks?: WebhookUseCases
  /** How often a stream without events shows that it lives, in milliseconds (default 15 s). */
  readonly heartbeatMs?: number
}

const PAGE = 1000
const PAGE_MAX = 10_000

const REBUILD = {
  rebuild: Type.Optional(Type.Boolean({ description: 'whether its disk may begin anew from the image' })),
  reapply: Type.Optional(
    Type.Boolean({
      description: 'whether the guest is given a new instance id, without which it passes over new data',
    }),
  ),
}

/** What a provider may fail with. */
const CLOUDS = ['rate-limited', 'provider-failed', 'unavailable', 'timeout'] as const
const CHANGES = ['forbidden', 'conflict', 'unsupported', ...CLOUDS] as const

/** The whole API, a line each: what is documented is what is done. */
export function routesOf({ service, seedUrl, heartbeatMs = 15_000 }: RestOptions): readonly Route[] {
  async function shown(instance: Instance, caller: Caller): Promise<Record<string, unknown>> {
    const { id, plan } = instance
    const delivery = await service.delivery(id, caller)
    const hostKeys = hostKeysOf(await service.events(id, caller))
    const seed = seedUrl && caller.role === 'member' ? { seedUrl: seedUrl(id) } : {}
    return {
      ...fromInstance(instance),
      plan,
      delivery,
      addresses: addressesOf(instance),
      ...(hostKeys ? { hostKeys } : {}),
      ...seed,
    }
  }

  async function summaries(caller: Caller, withDelivery: boolean): Promise<readonly Record<string, unknown>[]> {
    const [instances, events] = await Promise.all([
      service.list(caller),
      withDelivery ? service.projectEvents(caller) : undefined,
    ])
    return instances.map((instance) => ({
      ...fromInstance(instance),
      ...(events ? { delivery: deliveryOf(events.get(instance.id) ?? [], instance.revision) } : {}),
    }))
  }

  async function page(id: string, { after, limit }: { after: number; limit: number }, caller: Caller) {
    const events = await service.events(id, caller, { after, limit })
    return {
      events: events.map((event, index) => fromEvent(event, after + index + 1)),
      next: after + events.length,
    }
  }

  async function replace(
    id: string,
    request: Omit<NewUserData, 'mayRebuild' | 'reapply'>,
    { rebuild = false, reapply = false }: { readonly rebuild?: boolean; readonly reapply?: boolean },
    caller: Caller,
  ): Promise<HttpResponse> {
    const instance = await service.replaceUserData(id, { ...request, mayRebuild: rebuild, reapply }, caller)
    return json(
      200,
      await shown(instance, caller),
      warningHeaders(instance.plan.warnings.map(({ message }) => message)),
    )
  }

  return [
    route({
      method: 'GET',
      path: '/instances',
      operationId: 'listInstances',
      summary: "The project's instances as last seen, oldest first",
      query: {
        delivery: Type.Optional(
          Type.Boolean({ description: 'with what became of their data: reads all their events' }),
        ),
      },
      answers: jsonAnswer(200, 'the instances', listOf('instances', SummaryBody)),
      refusals: [],
      handle: async ({ query, caller }) => json(200, { instances: await summaries(caller, query.delivery ?? false) }),
    }),
    route({
      method: 'POST',
      path: '/instances',
      operationId: 'createInstance',
      summary: 'Starts an instance; answers once its provider did, or after 10 s while it is still creating',
      body: NewInstanceBody,
      headers: [IDEMPOTENCY_KEY],
      answers: {
        201: {
          description: 'it is there, or being created',
          content: { 'application/json': InstanceBody },
          headers: [{ name: 'Location', description: 'where it is shown' }],
        },
      },
      refusals: ['too-large', ...CHANGES],
      handle: async ({ body, caller, request }) => {
        const [idempotencyKey] = headerValues(request, 'Idempotency-Key')
        const spec = await toSpec(service, body, caller)
        const instance = await service.create({ spec, ...(idempotencyKey ? { idempotencyKey } : {}) }, caller)
        const warnings = warningHeaders(instance.plan.warnings.map(({ message }) => message))
        return json(201, await shown(instance, caller), [['Location', `${ROOT}/instances/${instance.id}`], ...warnings])
      },
    }),
    route({
      method: 'GET',
      path: '/instances/{id}',
      operationId: 'getInstance',
      summary: 'One instance, fresh from its provider where that answers in time',
      answers: jsonAnswer(200, 'the instance', InstanceBody),
      refusals: ['not-found'],
      handle: async ({ id, caller }) => json(200, await shown(await service.get(id, caller), caller)),
    }),
    route({
      method: 'DELETE',
      path: '/instances/{id}',
      operationId: 'deleteInstance',
      summary: 'Stops and removes an instance, with its disks and data',
      answers: { 204: { description: 'it is gone' } },
      refusals: ['not-found', ...CHANGES],
      handle: async ({ id, caller }) => {
        await service.delete(id, caller)
        return { status: 204, headers: [], body: new Uint8Array() }
      },
    }),
    route({
      method: 'POST',
      path: '/instances/{id}/actions',
      operationId: 'actOnInstance',
      summary: 'Starts, stops, restarts, suspends or resumes an instance',
      body: ActionBody,
      answers: jsonAnswer(200, 'the instance after it', InstanceBody),
      refusals: ['not-found', ...CHANGES],
      handle: async ({ id, body, caller }) =>
        json(200, await shown(await service.act(id, body.action, caller, body.method), caller)),
    }),
    route({
      method: 'GET',
      path: '/instances/{id}/events',
      operationId: 'listEvents',
      summary: 'The timeline: a page of it, or live as server-sent events (Accept: text/event-stream)',
      query: {
        after: Type.Optional(Type.Integer({ minimum: 0, description: 'the sequence of the last event that you have' })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_MAX, description: `default ${PAGE}` })),
      },
      headers: [{ name: 'Last-Event-ID', description: 'as `after`, for streams' }],
      answers: {
        200: {
          description: 'the events; a stream has one message each, with its sequence as id, and ends with `event: end`',
          content: { 'application/json': EventPage, 'text/event-stream': Type.String() },
        },
      },
      refusals: ['not-found'],
      handle: async ({ id, query, caller, request }) => {
        const { after = 0, limit = PAGE } = query
        if (!wantsStream(request)) return json(200, await page(id, { after, limit }, caller))
        // Whose it is is found out before the answer begins.
        const known = lastEventId(request) ?? after
        await service.events(id, caller, { after: known, limit: 1 })
        const watch = (signal: AbortSignal) => service.watch(id, caller, signal, known)
        return eventStream({ watch, after: known, heartbeatMs })
      },
    }),
    route({
      method: 'GET',
      path: '/instances/{id}/console',
      operationId: 'readConsole',
      summary: 'What the console said; untrusted text of the guest',
      query: { from: Type.Optional(Type.Integer({ minimum: 0, description: 'the byte to begin at' })) },
      answers: jsonAnswer(200, 'the text', ConsoleBody),
      refusals: ['not-found', 'forbidden', 'unsupported', ...CLOUDS],
      handle: async ({ id, query, caller }) => json(200, await service.console(id, query.from ?? 0, caller)),
    }),
    route({
      method: 'PUT',
      path: '/instances/{id}/user-data',
      operationId: 'replaceUserData',
      summary: 'Gives an instance other user data, the very bytes of the body, as a new revision',
      query: {
        ...REBUILD,
        format: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'what the data are' })),
        wrap: Type.Optional(
          Type.Boolean({ description: 'whether they are wrapped where need be; default: as before' }),
        ),
      },
      body: 'bytes',
      answers: jsonAnswer(200, 'the instance with its new revision', InstanceBody),
      refusals: ['not-found', 'too-large', ...CHANGES],
      handle: ({ id, query: { format, wrap, ...how }, body, caller }) => {
        const said = {
          ...(format === undefined ? {} : { userDataFormat: format }),
          ...(wrap === undefined ? {} : { wrap }),
        }
        return replace(id, { userData: body, ...said }, how, caller)
      },
    }),
    route({
      method: 'DELETE',
      path: '/instances/{id}/user-data',
      operationId: 'deleteUserData',
      summary: 'Leaves an instance without user data, as a new revision',
      query: REBUILD,
      answers: jsonAnswer(200, 'the instance with its new revision', InstanceBody),
      refusals: ['not-found', ...CHANGES],
      handle: ({ id, query, caller }) => replace(id, {}, query, caller),
    }),
    route({
      method: 'POST',
      path: '/plan',
      operationId: 'planInstance',
      summary: 'What would be done for such an instance, or why not; starts nothing',
      body: NewInstanceBody,
      answers: jsonAnswer(200, 'the plan', PlanBody),
      refusals: ['too-large', 'conflict', 'unsupported', 'unavailable'],
      handle: async ({ body, caller }) => json(200, await service.plan(await toSpec(service, body, caller), caller)),
    }),
    route({
      method: 'GET',
      path: '/providers',
      operationId: 'listProviders',
      summary: 'The providers, what they can do, and whether they answer',
      answers: jsonAnswer(200, 'in the order of the configuration', listOf('providers', ProviderBody)),
      refusals: [],
      handle: async ({ caller }) => json(200, { providers: (await service.providerReports(caller)).map(fromProvider) }),
    }),
    route({
      method: 'GET',
      path: '/images',
      operationId: 'listImages',
      summary: 'What instances start from, of all providers that answer',
      answers: jsonAnswer(200, 'the images', listOf('images', ImageBody)),
      refusals: [],
      handle: async ({ caller }) => json(200, { images: await service.images(caller) }),
    }),
    route({
      method: 'GET',
      path: '/sizes',
      operationId: 'listSizes',
      summary: 'How large instances can be, of all providers that answer',
      answers: jsonAnswer(200, 'the sizes', listOf('sizes', SizeBody)),
      refusals: [],
      handle: async ({ caller }) => json(200, { sizes: await service.sizes(caller) }),
    }),
  ]
}

/** An answer in JSON. */
export function json(status: number, value: unknown, more: HttpResponse['headers'] = []): HttpResponse {
  return { status, headers: [...JSON_HEADERS, ...more], body: Buffer.from(`${JSON.stringify(value)}\n`, 'utf8') }
}

const JSON_HEADERS: HttpResponse['headers'] = [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['Cache-Control', 'no-store'],
]

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  description: 'the same for each try of one request: it then starts one instance',
}

/** A route's one answer, which is JSON. */
export function jsonAnswer(status: number, description: string, schema: TSchema): Readonly<Record<number, Answer>> {
  return { [status]: { description, content: { 'application/json': schema } } }
}

/** An object with one member, the list `name`. */
export function listOf(name: string, item: TSchema): TSchema {
  const properties: TProperties = { [name]: Type.Array(item) }
  return Type.Object(properties, { additionalProperties: false })
}

function wantsStream(request: HttpRequest): boolean {
  return headerValues(request, 'Accept').some((value) => /(?:^|,)\s*text\/event-stream\s*(?:[;,]|$)/i.test(value))
}

/** @throws {CloudError} invalid when it is none of ours */
function lastEventId(request: HttpRequest): number | undefined {
  const [text] = headerValues(request, 'Last-Event-ID')
  if (text === undefined || text === '') return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new CloudError('invalid', `Last-Event-ID: "${text.slice(0, 50)}" is no sequence of an event; leave it out`)
}
