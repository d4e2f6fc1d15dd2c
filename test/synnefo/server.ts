import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseJson } from '../../src/formats/json.ts'
import { createFaultPlan, type FaultPlan } from '../opennebula/faults.ts'
import type { Cloud } from './cloud.ts'
import { answer, type Asked } from './routes.ts'

/** A site's door. */
export interface Door {
  readonly url: string
  readonly asked: Asked[]
  /** By method and path, numbers of servers left out: `POST /servers`, `DELETE /servers/*`. */
  readonly faults: FaultPlan
  close(): Promise<void>
}

/** Listens on loopback. */
export async function openDoor(cloud: Cloud): Promise<Door> {
  const all: Asked[] = []
  const faults = createFaultPlan()
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // A mistake in the simulator shows in the test that found it.
      response.writeHead(500).end(error instanceof Error ? error.stack : 'no error')
    })
  })

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url: target = '', headers } = request
    const sent = await text(request)
    const isJson = headers['content-type']?.startsWith('application/json') === true
    const [, service = '', path = ''] = /^\/(identity|compute|network)\/v2\.0(\/.*)?$/.exec(target) ?? []
    const token = headers['x-auth-token']
    const asked: Asked = {
      service,
      method,
      path,
      token: typeof token === 'string' ? token : undefined,
      body: isJson ? parseJson(sent) : undefined,
      isJson,
    }
    all.push(asked)
    const fault = faults.strike(`${method} ${path.replace(/\d+/, '*')}`)
    if (fault?.delayMs !== undefined) await sleep(fault.delayMs)
    if (fault?.happens === 'drop-before') return void request.socket.destroy()
    const reply = fault?.happens === '503' ? { status: 503 } : answer(cloud, asked, url())
    if (fault?.happens === 'drop-after') return void request.socket.destroy()
    const body = Buffer.from('text' in reply && reply.text ? reply.text : JSON.stringify(reply.body ?? ''))
    response.writeHead(reply.status, {
      'content-type': 'application/json; charset=UTF-8',
      ...(reply.status === 204 ? {} : { 'content-length': body.length }),
    })
    if (fault?.happens === 'half')
      return void response.write(body.subarray(0, body.length / 2), () => request.socket.destroy())
    response.end(reply.status === 204 ? undefined : body)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = (): string => {
    const address = server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  }
  return {
    url: url(),
    asked: all,
    faults,
    close: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}
