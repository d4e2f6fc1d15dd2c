import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sampleEvent, sampleInstance, sampleSpec } from '../../../test/conformance/store-samples.ts'
import type { ContextEvent, EventKind } from '../../model/events.ts'
import type { Webhook } from '../../model/webhook.ts'
import { sqliteStore } from '../../store/sqlite.ts'
import type { Store } from '../../store/store.ts'
import { endpoints } from '../endpoint.ts'
import { createWebhookSender, type SenderOptions } from '../sender.ts'

/** A project. */
export const RED = 'test/red'
/** Another. */
export const BLUE = 'test/blue'
const KINDS: readonly EventKind[] = ['planned', 'offered', 'fetched', 'applied', 'state']
/** What webhooks' messages are signed with. */
export const SECRET = Uint8Array.from({ length: 32 }, (_, index) => index)
/** Allows receivers on this machine. */
export const LOOPBACK = endpoints({ allowPrivate: ['127.0.0.0/8'], allowHttp: true })

interface Heard {
  readonly id: string
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

/** What a receiver does with a message; `count` is how many it has heard, with this one. */
export type Answer = (response: ServerResponse, heard: Heard, count: number) => void

/** Always the same answer. */
export const answers =
  (status: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (response) =>
    void response.writeHead(status, headers).end()
/** It took it. */
export const OK = answers(204)

/** A receiver on loopback; `heard` is all that it was sent. */
export async function receiver(t: TestContext, answer: Answer = OK, port = 0) {
  const heard: Heard[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const message = { id: String(request.headers['webhook-id']), body, headers: request.headers }
      heard.push(message)
      answer(response, message, heard.length)
    })
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = (): void => {
    server.closeAllConnections()
    server.close()
  }
  t.after(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, heard, close, server }
}

/** A store, in memory, and senders over it that do not wait. */
export async function open(t: TestContext, options: Partial<SenderOptions> = {}) {
  const store = await sqliteStore(':memory:')
  const said: string[] = []
  const pauses: (readonly [number, number])[] = []
  const senders: { readonly close: () => Promise<void> }[] = []
  t.after(async () => {
    for (const sender of senders) await sender.close()
    await store.close()
  })
  const start = (more: Partial<SenderOptions> = {}) => {
    const sender = createWebhookSender({
      store,
      endpoints: LOOPBACK,
      show: (event, place) => ({ place, ...event }),
      userAgent: 'bellhop/test',
      log: { warn: (fields, message) => void said.push(`${message} ${JSON.stringify(fields)}`) },
      everyMs: 5,
      // The samples are of long ago.
      keepTryingMs: Infinity,
      pause: (failures, askedMs) => {
        pauses.push([failures, askedMs])
        return 0
      },
      ...options,
      ...more,
    })
    senders.push(sender)
    return sender
  }
  const hook = (url: string, change: Partial<Webhook> = {}): Promise<Webhook> =>
    store.insertWebhook(
      {
        id: randomUUID(),
        subject: 'test/alice',
        project: RED,
        url,
        kinds: KINDS,
        secret: SECRET,
        createdAt: 1,
        ...change,
      },
      10,
    )
  const kept = async (id: string): Promise<Webhook> =>
    (await store.listWebhooks()).find((each) => each.id === id) ?? assert.fail('it is gone')
  return { store, start, hook, kept, said, pauses }
}

/** Waits for something, without a limit: the test runner has one. */
export async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await sleep(5)
}

/** Records an instance, and with it its first events. */
export async function insert(store: Store, id: string, project = RED, events: readonly ContextEvent[] = [sampleEvent(id)]) {
  const spec = sampleSpec({ name: `name-of-${id}`, userData: Buffer.from('the secret of the user') })
  await store.insertInstance(sampleInstance({ id, project, spec }), events)
}

/** In the order in which they came. */
export const idsOf = (heard: readonly Heard[]): readonly string[] => heard.map(({ id }) => id)
