import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { BARE, SECRET, sampleRecorder, sampleSource, WEB } from '../../test/conformance/metadata-samples.ts'
import { createMetadataServer } from './metadata-http.ts'

const cleanUp: (() => unknown)[] = []
after(async () => {
  for (const step of cleanUp.toReversed()) await step()
})

const PROJECT = '331fa2d4a8a14d1f8c4f6b5d0e9c7a61'
const OTHERS = 'b46c7c69-3b2a-4f6a-a1d3-8bb9cf1b7d6b'

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await buffer(request)
  response.writeHead(207, { 'Content-Type': 'text/novas' })
  response.end(`${request.method} ${request.url} ${String(request.headers['x-instance-id'])} ${body.toString()}`)
}

/** In Nova's place, in front of a Nova that says who asked it for what. */
async function inNovasPlace(userData: Uint8Array | undefined = WEB.userData, hasNova = true) {
  const nova = createServer((request, response) => void echo(request, response))
  nova.listen(0, '127.0.0.1')
  await once(nova, 'listening')
  cleanUp.push(() => nova.close())
  const novaUrl = `http://127.0.0.1:${(nova.address() as AddressInfo).port}`
  const { userData: _, ...rest } = WEB
  const source = sampleSource(userData ? { ...rest, userData } : rest, BARE)
  const recorder = sampleRecorder()
  const server = createMetadataServer({ source, recorder, secret: SECRET, log: () => {} })
  cleanUp.push(() => server.close())
  const find = async (serverId: string) =>
    serverId === OTHERS ? undefined : { instanceId: serverId, projectId: PROJECT }
  const { port } = await server.listen({
    host: '127.0.0.1',
    port: 0,
    identity: { by: 'signature', sharedSecret: 'peersecret', find },
    ...(hasNova ? { novaUrl } : {}),
  })

  const ask = async (
    path: string,
    { method = 'GET', of = WEB.guestId, project = PROJECT, secret = 'peersecret', body = '' } = {},
  ) => {
    const asked = send({
      port,
      path,
      method,
      agent: false,
      headers: {
        'X-Forwarded-For': '10.77.0.5',
        'X-Instance-ID': of,
        'X-Instance-ID-Signature': createHmac('sha256', secret).update(of).digest('hex'),
        'X-Tenant-ID': project,
        ...(body === '' ? {} : { 'Content-Length': Buffer.byteLength(body) }),
      },
    })
    asked.end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    return { status: response.statusCode, type: response.headers['content-type'], body: await buffer(response) }
  }
  return { ask, events: recorder.events }
}

describe("in Nova's place behind Neutron's agents", () => {
  it('our guests are answered by us, and what they fetch is recorded', async () => {
    const { ask, events } = await inNovasPlace()
    const { status, type, body } = await ask('/openstack/latest/user_data')
    assert.deepEqual([status, type], [200, 'text/plain; charset=UTF-8'])
    assert.deepEqual(body, Buffer.from(WEB.userData ?? []))
    assert.deepEqual(
      events.map(({ kind, instanceId, path }) => [kind, instanceId, path]),
      [['fetched', WEB.guestId, '/openstack/latest/user_data']],
    )
    assert.equal((await ask('/openstack/latest/meta_data.json')).type, 'application/json')
    assert.equal((await ask('/nosuch')).status, 404)
  })

  it('bytes that are no UTF-8 are called what survives being made text', async () => {
    for (const bytes of [Buffer.from(Array.from({ length: 256 }, (_, value) => value)), randomBytes(49_149)]) {
      const { ask, events } = await inNovasPlace(bytes)
      for (const path of ['/openstack/latest/user_data', '/latest/user-data']) {
        const { type, body } = await ask(path)
        assert.equal(type, 'text/plain; charset=ISO-8859-1')
        assert.ok(Buffer.from(body.toString('latin1'), 'latin1').equals(bytes))
      }
      assert.deepEqual(
        events.map(({ kind }) => kind),
        ['fetched', 'access'],
      )
      assert.equal((await ask('/latest/meta-data/hostname')).type, 'text/plain; charset=UTF-8')
    }
  })

  it('guests of others are answered by Nova, whatever it says', async () => {
    const { ask, events } = await inNovasPlace()
    const { status, type, body } = await ask('/latest/user-data?x', { of: OTHERS })
    assert.deepEqual([status, type], [207, 'text/novas'])
    assert.equal(body.toString(), `GET /latest/user-data?x ${OTHERS} `)
    const left = await ask('/openstack/latest/password', { of: OTHERS, method: 'POST', body: 'secret' })
    assert.equal(left.body.toString(), `POST /openstack/latest/password ${OTHERS} secret`)
    assert.equal((await ask('/latest/api/token', { of: OTHERS, method: 'PUT' })).status, 207)
    assert.deepEqual(events, [])
  })

  it('a guest of ours that comes from another project is left to Nova, which tells it nothing', async () => {
    const { ask, events } = await inNovasPlace()
    assert.equal((await ask('/latest/user-data', { project: 'other' })).status, 207)
    assert.deepEqual(events, [])
  })

  it('who is not ours is 404 where there is no Nova', async () => {
    const { ask } = await inNovasPlace(undefined, false)
    assert.equal((await ask('/latest/user-data', { of: OTHERS })).status, 404)
    assert.equal((await ask('/latest/meta-data/instance-id', { project: 'other' })).status, 404)
    assert.equal((await ask('/latest/meta-data/instance-id')).status, 200)
  })

  it('a foreign signature gets nothing, and Nova does not hear of it', async () => {
    const { ask } = await inNovasPlace()
    for (const server of [WEB.guestId, OTHERS])
      assert.deepEqual((await ask('/latest/user-data', { of: server, secret: 'x' })).status, 403)
  })

  it('reports are heard, and passwords are left', async () => {
    const { ask, events } = await inNovasPlace()
    const report = JSON.stringify({ agent: 'agent', stage: 'applied', exitCode: 0 })
    assert.equal((await ask('/report', { method: 'POST', body: report })).status, 200)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['applied'],
    )
    const password = { method: 'POST', body: 'x'.repeat(1020) }
    assert.equal((await ask('/openstack/latest/password', password)).status, 200)
    assert.equal((await ask('/openstack/latest/password', password)).status, 409)
  })

  it('answers with statuses that agents pass on, and with no others', async () => {
    const { ask } = await inNovasPlace()
    assert.equal((await ask('/latest/user-data', { method: 'DELETE' })).status, 404, 'not 405')
    assert.equal((await ask('/latest/api/token', { method: 'PUT' })).status, 404, 'sessions need headers')
    assert.equal((await ask('/report', { method: 'POST', body: 'x'.repeat(65_537) })).status, 400, 'not 413')
    assert.equal((await ask(`/${'x'.repeat(17_000)}`)).status, 400, 'not 414')
    const report = { method: 'POST', body: JSON.stringify({ agent: 'agent', stage: 'applied', exitCode: 0 }) }
    const statuses = new Set<number | undefined>()
    for (let i = 0; i < 202; i++) statuses.add((await ask('/report', report)).status)
    assert.deepEqual(statuses, new Set([200, 400]), 'not 429')
  })
})
