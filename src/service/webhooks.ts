import { randomBytes, randomUUID } from 'node:crypto'
import { CloudError } from '../model/errors.ts'
import { EVENT_KINDS, type EventKind } from '../model/events.ts'
import type { Caller } from '../model/instance.ts'
import type { Webhook } from '../model/webhook.ts'
import type { Store } from '../store/store.ts'
import type { Endpoints } from '../webhooks/endpoint.ts'
import { requireMember } from './access.ts'

/** A request to be told what happens. */
interface NewWebhook {
  readonly url: string
  /** Absent: all but `access`, of which a guest makes dozens. */
  readonly kinds?: readonly EventKind[]
}

/** A project's webhooks. Its readers do not see them: a URL often is a secret. What is another's is `not-found`. */
export interface WebhookUseCases {
  /** @throws {CloudError} forbidden, invalid, conflict */
  create(request: NewWebhook, caller: Caller): Promise<Webhook>
  /** @throws {CloudError} forbidden, not-found */
  get(id: string, caller: Caller): Promise<Webhook>
  /** Oldest first. @throws {CloudError} forbidden */
  list(caller: Caller): Promise<readonly Webhook[]>
  /** @throws {CloudError} forbidden, not-found */
  delete(id: string, caller: Caller): Promise<void>
}

/** So many a project may have. */
const PROJECT_MAX = 10
const SECRET_BYTES = 32
const KINDS: readonly EventKind[] = EVENT_KINDS.filter((kind) => kind !== 'access')

/** Webhooks in the store; others send them. */
export function webhookUseCases({
  store,
  endpoints,
}: {
  readonly store: Pick<Store, 'insertWebhook' | 'listWebhooks' | 'deleteWebhook'>
  readonly endpoints: Pick<Endpoints, 'check'>
}): WebhookUseCases {
  async function own(id: string, caller: Caller): Promise<Webhook> {
    requireMember(caller)
    const webhook = (await store.listWebhooks(caller.project)).find((each) => each.id === id)
    if (webhook) return webhook
    throw new CloudError('not-found', `there is no webhook ${id.slice(0, 100)}`)
  }

  return {
    async create({ url, kinds = KINDS }, caller) {
      requireMember(caller)
      const { project, subject } = caller
      const webhook = {
        id: randomUUID(),
        project,
        subject,
        url: endpoints.check(url),
        kinds: [...new Set(kinds)],
        secret: randomBytes(SECRET_BYTES),
        createdAt: Date.now(),
      }
      return await store.insertWebhook(webhook, PROJECT_MAX)
    },
    get: own,
    async list(caller) {
      requireMember(caller)
      return await store.listWebhooks(caller.project)
    },
    async delete(id, caller) {
      await own(id, caller)
      await store.deleteWebhook(id)
    },
  }
}
