import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'

const CONFIG = `${MEMORY_CONFIG}
[webhooks]
allowHttp = true
allowPrivate = ["127.0.0.0/8"]
`
const JSON_TYPE = { 'Content-Type': 'application/json' }

interface Message {
  readonly type: string
  readonly data: {
    readonly event: { readonly sequence: number; readonly kind: string }
    readonly instance: { readonly id: string; readonly name?: string; readonly state: string }
  }
}

/** A portal: checks each signature, and says yes unless `answer` does something else. */
async function portal(t: TestContext, answer: (response: ServerResponse, id: string) => void) {
  const taken = new Map<string, Message>()
  const seen: string[] = []
  let secret = Buffer.alloc(0)
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    request.on('end', () => {
      const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = request.headers
      const own = createHmac('sha256', secret)
        .update(`${String(id)}.${String(at)}.${body}`)
        .digest('base64')
      if (signature === `v1,${own}`) {
        seen.push(String(id))
        taken.set(String(id), JSON.parse(body) as Message)
        answer(response, String(id))
      } else response.writeHead(401).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    taken,
    seen,
    trust: (text: string) => void (secret = Buffer.from(text.replace('whsec_', ''), 'base64')),
  }
}

async function post({ ask }: Gateway, path: string, body: object): Promise<Readonly<Record<string, unknown>>> {
  const made = await ask(`/api/v1/${path}`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })
  assert.equal(made.status, 201, await made.clone().text())
  return (await made.json()) as Record<string, unknown>
}

test('a portal hears all that happens to a machine, though the gateway is killed in the middle', async (t) => {
  let isStuck = false
  const unanswered: string[] = []
  const { url, taken, seen, trust } = await portal(t, (response, id) => {
    if (isStuck) unanswered.push(id)
    else response.end()
  })
  const first = await startGateway(t, { config: CONFIG })
  const webhook = await post(first, 'webhooks', { url })
  trust(String(webhook['secret']))
  const { id } = await post(first, 'instances', {
    name: 'web1',
    userData: Buffer.from('#!/bin/sh\n').toString('base64'),
  })
  while (taken.size === 0) await sleep(20)

  // From here on it hears, but never says so: what it is sent stays under way until the end.
  isStuck = true
  await first.ask(`/api/v1/instances/${String(id)}/actions`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ action: 'stop' }),
  })
  while (unanswered.length === 0) await sleep(20)
  await first.stop('SIGKILL')

  isStuck = false
  const second = await startGateway(t, { config: CONFIG, folder: first.folder })
  assert.equal((await second.ask(`/api/v1/instances/${String(id)}`, { method: 'DELETE' })).status, 204)
  const isGone = ({ data }: Message): boolean => data.instance.state === 'deleted' && data.event.kind === 'state'
  const messages = () => [...taken.values()].toSorted((a, b) => a.data.event.sequence - b.data.event.sequence)
  while (!messages().some(isGone)) await sleep(20)
  for (const stuck of unanswered)
    assert.ok(seen.indexOf(stuck) !== seen.lastIndexOf(stuck), 'what was not answered is told again')
  // None is missing: a timeline has no gaps, and nothing here was an access.
  assert.deepEqual(
    messages().map(({ data }) => data.event.sequence),
    messages().map((_, index) => index + 1),
  )
  assert.deepEqual(new Set(messages().map(({ data }) => data.instance.id)), new Set([id]))
  assert.deepEqual(new Set(messages().map(({ data }) => data.instance.name)), new Set(['web1']))
  const shown = (await (await second.ask(`/api/v1/webhooks/${String(webhook['id'])}`)).json()) as object
  assert.ok(!JSON.stringify(shown).includes('whsec_'))
  assert.equal(await second.stop(), 0)
})

test('a site that sends none has no place for them, and one that is not told sends nothing into its own networks', async (t) => {
  const none = await startGateway(t, { config: `${MEMORY_CONFIG}\n[webhooks]\nenabled = false\n` })
  assert.equal((await none.ask('/api/v1/webhooks')).status, 404)
  const usual = await startGateway(t, { config: MEMORY_CONFIG })
  for (const url of ['https://127.0.0.1/', 'https://[::1]/', 'http://portal.example.org/', 'https://169.254.169.254/'])
    assert.equal(
      (await usual.ask('/api/v1/webhooks', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ url }) }))
        .status,
      400,
      url,
    )
})
