import { Type } from 'typebox'
import { EVENT_KINDS } from '../../model/events.ts'
import type { Webhook } from '../../model/webhook.ts'
import type { WebhookUseCases } from '../../service/webhooks.ts'
import { secretText } from '../../webhooks/signature.ts'
import { route, strict, type Route } from './route.ts'
import { json, jsonAnswer, listOf, ROOT } from './routes.ts'
import { Time, wordsOf } from './schemas.ts'

const Kinds = Type.Array(Type.Enum(EVENT_KINDS), {
  minItems: 1,
  description: 'events of which kinds are sent; default: all but access',
})

const NewWebhookBody = Type.Object(
  { url: Type.String({ description: 'where they are sent' }), kinds: Type.Optional(Kinds) },
  { ...strict, title: 'NewWebhook' },
)

const WEBHOOK = {
  id: Type.String({ description: 'a UUID' }),
  url: Type.String(),
  kinds: Kinds,
  state: Type.Enum(wordsOf<Webhook['state']>({ on: true, off: true }), {
    description: 'off: its receiver answered 410',
  }),
  failures: Type.Integer({ minimum: 0, description: 'tries that failed since the last one that did not' }),
  reason: Type.Optional(Type.String({ description: 'why the last try failed, or why it is off' })),
  nextAt: Type.Optional(Type.String({ format: 'date-time', description: 'not tried again before' })),
  missed: Type.Integer({ minimum: 0, description: 'events that could not be sent for a day, and are not any more' }),
  createdAt: Time,
}

/** A webhook as its project sees it. */
export const WebhookBody = Type.Object(WEBHOOK, { ...strict, title: 'Webhook' })

/** The same as whoever made it sees it, once. */
export const MadeWebhookBody = Type.Object(
  { ...WEBHOOK, secret: Type.String({ description: 'signs what is sent; shown here and never again' }) },
  { ...strict, title: 'MadeWebhook' },
)

/** Where a project says where it wants to be told what happens to its instances. */
export function webhookRoutes(webhooks: WebhookUseCases): readonly Route[] {
  return [
    route({
      method: 'GET',
      path: '/webhooks',
      operationId: 'listWebhooks',
      summary: "The project's webhooks, oldest first",
      answers: jsonAnswer(200, 'the webhooks', listOf('webhooks', WebhookBody)),
      refusals: ['forbidden'],
      handle: async ({ caller }) => json(200, { webhooks: (await webhooks.list(caller)).map(fromWebhook) }),
    }),
    route({
      method: 'POST',
      path: '/webhooks',
      operationId: 'createWebhook',
      summary: 'Has all events of the project that are recorded from now on sent to a URL',
      body: NewWebhookBody,
      answers: {
        201: {
          description: 'it is there',
          content: { 'application/json': MadeWebhookBody },
          headers: [{ name: 'Location', description: 'where it is shown' }],
        },
      },
      refusals: ['forbidden', 'conflict'],
      handle: async ({ body, caller }) => {
        const made = await webhooks.create(body, caller)
        const shown = { ...fromWebhook(made), secret: secretText(made.secret) }
        return json(201, shown, [['Location', `${ROOT}/webhooks/${made.id}`]])
      },
    }),
    route({
      method: 'GET',
      path: '/webhooks/{id}',
      operationId: 'getWebhook',
      summary: 'One webhook, and how its last tries went',
      answers: jsonAnswer(200, 'the webhook', WebhookBody),
      refusals: ['forbidden', 'not-found'],
      handle: async ({ id, caller }) => json(200, fromWebhook(await webhooks.get(id, caller))),
    }),
    route({
      method: 'DELETE',
      path: '/webhooks/{id}',
      operationId: 'deleteWebhook',
      summary: 'Has nothing more sent',
      answers: { 204: { description: 'it is gone' } },
      refusals: ['forbidden', 'not-found'],
      handle: async ({ id, caller }) => {
        await webhooks.delete(id, caller)
        return { status: 204, headers: [], body: new Uint8Array() }
      },
    }),
  ]
}

/** Without its secret. */
function fromWebhook({ id, url, kinds, state, failures, reason, nextAt, missed, createdAt }: Webhook): object {
  return {
    id,
    url,
    kinds,
    state,
    failures,
    reason,
    nextAt: nextAt === undefined ? undefined : new Date(nextAt).toISOString(),
    missed,
    createdAt: new Date(createdAt).toISOString(),
  }
}
