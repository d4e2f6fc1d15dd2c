import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerCall } from './answers.ts'
import type { Cloud } from './cloud.ts'
import { createFaultPlan, type FaultPlan } from './faults.ts'
import { parseCall, renderFault, type Parameter } from './xmlrpc.ts'

/** A call as it arrived. Its session is in it: a test's own, and no secret. */
export interface LoggedCall {
  readonly method: string
  readonly parameters: readonly Parameter[]
}

/** A front end's door. */
export interface Door {
  readonly url: string
  readonly calls: LoggedCall[]
  readonly faults: FaultPlan
  close(): Promise<void>
}

const SERVER = 'Xmlrpc-c_Abyss/1.33.14'

/** Listens on loopback. */
export async function openDoor(cloud: Cloud): Promise<Door> {
  const calls: LoggedCall[] = []
  const faults = createFaultPlan()
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      // A mistake in the simulator shows in the test that found it.
      send(response, 500, 'text/plain', error instanceof Error ? (error.stack ?? error.message) : 'no error')
    })
  })

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    const path = request.url ?? ''
    if (path !== '/RPC2') return send(response, 404, 'text/html', notFound(path))
    if (request.method !== 'POST')
      return send(response, 405, 'text/html', page('Error 405', 'POST is the only method.'))
    const call = parseCall(body)
    if ('fault' in call) return send(response, 200, XML, renderFault(call.fault))
    calls.push(call)
    const fault = faults.strike(call.method)
    if (fault?.delayMs !== undefined) await sleep(fault.delayMs)
    if (fault?.happens === 'drop-before') return void response.socket?.destroy()
    if (fault?.happens === '503') return send(response, 503, 'text/html', page('Error 503', 'Service unavailable.'))
    const answer = answerCall(cloud, call.method, call.parameters)
    if (fault?.happens === 'drop-after') return void response.socket?.destroy()
    if (fault?.happens === 'half') return sendHalf(response, answer)
    return send(response, 200, XML, answer)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/RPC2`,
    calls,
    faults,
    close: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}

const XML = 'text/xml; charset=utf-8'

function send(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text)
  writeHead(response, status, type, body.length)
  response.end(body)
}

function sendHalf(response: ServerResponse, text: string): void {
  const body = Buffer.from(text)
  writeHead(response, 200, XML, body.length)
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy())
}

function writeHead(response: ServerResponse, status: number, type: string, length: number): void {
  response.sendDate = true
  response.writeHead(status, { 'Content-type': type, 'Content-length': length, Connection: 'close', Server: SERVER })
}

function notFound(path: string): string {
  return page(
    'Error 404',
    `This XML-RPC For C/C++ Abyss XML-RPC server responds to only one URI path.  I don't know what URI path that is, but it's not the one you requested: '${path}'.  (Typically, it's '/RPC2')`,
  )
}

function page(title: string, text: string): string {
  return `<HTML><HEAD><TITLE>${title}</TITLE></HEAD><BODY><H1>${title}</H1><P>${text}</P><p><HR><b><i><a href="http://xmlrpc-c.sourceforge.net">ABYSS Web Server for XML-RPC For C/C++</a></i></b> version 1.33.14<br></p></BODY></HTML>`
}
