import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createMetadataServer } from '../../../src/deliveries/metadata-http.ts'
import type { Context } from '../../../src/model/context.ts'
import { BARE, SECRET, sampleRecorder, sampleSource, WEB } from '../../conformance/metadata-samples.ts'

/** Where guests ask. */
const ADDRESS = '169.254.169.254'

/** A server that listens, and what was asked of it, one line each. */
interface Listening {
  readonly asked: readonly string[]
  /** What our own server recorded: kinds and details. */
  readonly events: () => readonly { readonly kind: string; readonly detail?: string; readonly exitCode?: number }[]
}

const SCRIPT = '#!/bin/sh\nprintf served >"$PWD/trace"\n'
const EC2: Readonly<Record<string, string>> = {
  '/latest/meta-data/instance-id': 'i-0123',
  '/latest/meta-data/hostname': 'web-1',
  '/latest/meta-data/public-keys/': '0=jane',
  '/latest/meta-data/public-keys/0/openssh-key': WEB.publicKeys[0]?.text ?? '',
  '/latest/user-data': SCRIPT,
}
const HTML = '<!DOCTYPE html>\n<html><body>Please log in</body></html>\n'

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

function text(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(body)
}

function ec2({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const body = EC2[url]
  if (body === undefined) text(response, 404, 'not found')
  else text(response, 200, body)
}

/** How a server can be that is none of ours. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  ec2,
  'ec2 with tokens alone': (request, response) => {
    if (request.method === 'PUT') return text(response, 200, 'a-token==')
    if (request.headers['x-aws-ec2-metadata-token'] !== 'a-token==') return text(response, 401, 'a token is needed')
    ec2(request, response)
  },
  'late: 503 first': (request, response, count) => (count < 3 ? text(response, 503, 'wait') : ec2(request, response)),
  'a portal': (_, response) => text(response, 200, HTML, { 'content-type': 'text/html; charset=utf-8' }),
  'a portal that calls its pages text': (_, response) => text(response, 200, HTML),
  redirecting: (request, response) => text(response, 302, '', { location: `http://${ADDRESS}:81${request.url}` }),
  'with wrong lengths': (request, response) => {
    const body = EC2[request.url ?? '']
    if (body === undefined) return text(response, 404, 'not found')
    response.writeHead(200, { 'content-length': String(body.length + 100), 'content-type': 'text/plain' })
    response.write(body)
    setTimeout(() => response.destroy(), 20)
  },
  endless: (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const more = (): void => void (!response.destroyed && response.write('x'.repeat(65_536)) ? setImmediate(more) : 0)
    response.on('drain', more)
    more()
  },
  dripping: (_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    const timer = setInterval(() => response.write('x'), 200)
    response.on('close', () => clearInterval(timer))
  },
  silent: () => {},
  'that knows nobody': (_, response) => text(response, 404, 'not found'),
  'whose user data fail': (request, response) =>
    request.url === '/latest/user-data' ? text(response, 500, 'sorry') : ec2(request, response),
}

/** Listens at the metadata address of this network namespace, as one of {@link ANSWERS}, `ours`, `ours without data` or `none`. */
export async function listenAs(behaviour: string): Promise<Listening> {
  const asked: string[] = []
  if (behaviour === 'none') return { asked, events: () => [] }
  if (behaviour.startsWith('ours')) return listenAsOurs(behaviour === 'ours' ? WEB : BARE)
  const answer = ANSWERS[behaviour]
  if (!answer) throw new Error(`there is no server ${behaviour}`)
  const listen = (port: number, answers: Answer): Promise<void> =>
    new Promise((resolve) => {
      const server = createServer((request, response) => {
        asked.push(`${port} ${request.method} ${request.url}`)
        request.resume()
        answers(request, response, asked.length)
      })
      server.listen(port, ADDRESS, resolve)
    })
  await listen(80, answer)
  // Where a redirect leads: all that a guest could wish, which it must not take from there.
  await listen(81, ec2)
  return { asked, events: () => [] }
}

async function listenAsOurs(context: Context): Promise<Listening> {
  const recorder = sampleRecorder()
  const server = createMetadataServer({ source: sampleSource(context), recorder, secret: SECRET, log: () => {} })
  await server.listen({ host: ADDRESS, port: 80, identity: { by: 'address', find: () => context.guestId } })
  return { asked: [], events: () => recorder.events }
}
