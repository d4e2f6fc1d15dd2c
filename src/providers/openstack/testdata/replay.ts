import { readFile, readdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'

/** What the server was asked. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** JSON, or nothing. */
  readonly body: unknown
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Never answers. */
  readonly isHung?: true
}

export interface ReplayedCloud {
  readonly url: string
  /** Everything that was asked, in order; `POST /v3/auth/tokens`. */
  readonly log: string[]
  readonly asked: Asked[]
  /** Asked first; what it does not answer, the recording does. */
  answer: (asked: Asked) => Reply | undefined
  /** What was recorded as the answer of a file, with our addresses in it. */
  readonly recorded: (name: string) => Reply
}

interface Exchange {
  readonly request: Asked
  readonly reply: Reply
}

/** A server on 127.0.0.1 that is all services of the recorded cloud at once. */
export async function withReplayedCloud(use: (cloud: ReplayedCloud) => Promise<void>): Promise<void> {
  const exchanges = new Map<string, Exchange>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const asked = toAsked(request.method ?? '', request.url ?? '', request.headers as Asked['headers'], Buffer.concat(chunks).toString())
      cloud.asked.push(asked)
      cloud.log.push(`${asked.method} ${asked.path}`)
      const reply = cloud.answer(asked) ?? find([...exchanges.values()], asked)
      if (!reply) response.writeHead(599).end('not recorded')
      else if (!reply.isHung) response.writeHead(reply.status, { connection: 'close', ...reply.headers }).end(reply.body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const file of await readdir(import.meta.dirname))
    if (file.endsWith('.http')) exchanges.set(file.slice(0, -'.http'.length), await readExchange(file, url))
  const cloud: ReplayedCloud = {
    url,
    log: [],
    asked: [],
    answer: () => undefined,
    recorded: (name) => {
      const found = exchanges.get(name)
      if (!found) throw new Error(`${name}.http is not there`)
      return found.reply
    },
  }
  try {
    await use(cloud)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

async function readExchange(file: string, url: string): Promise<Exchange> {
  const text = await readFile(new URL(file, import.meta.url), 'utf8')
  const cut = text.indexOf('\n###\n')
  const asked = readPart(text.slice(0, cut))
  const answered = readPart(text.slice(cut + '\n###\n'.length))
  const [method = '', path = ''] = asked.start.split(' ')
  const status = Number(answered.start.split(' ')[1])
  const { 'content-length': _, ...headers } = answered.headers
  // The services stood on ports of their own; here one server is them all, for their paths differ.
  const body = answered.body.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, url)
  return { request: toAsked(method, path, asked.headers, asked.body), reply: { status, headers, body } }
}

function readPart(text: string): { start: string; headers: Record<string, string>; body: string } {
  const cut = text.indexOf('\n\n')
  const [start = '', ...lines] = (cut === -1 ? text : text.slice(0, cut)).trimEnd().split('\n')
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])
  return { start, headers: Object.fromEntries(headers), body: cut === -1 ? '' : text.slice(cut + 2) }
}

function toAsked(method: string, target: string, headers: Asked['headers'], body: string): Asked {
  const { pathname, searchParams } = new URL(target, 'http://x')
  // What was recorded without a catalogue answers for what is asked with one.
  searchParams.delete('nocatalog')
  return { method, path: pathname, query: searchParams.toString(), headers, body: body.trim() === '' ? undefined : JSON.parse(body) }
}

const MATTERS = ['authorization', 'x-auth-token', 'openstack-api-version']

function find(exchanges: readonly Exchange[], asked: Asked): Reply | undefined {
  return exchanges.find(
    ({ request }) =>
      isDeepStrictEqual([request.method, request.path, request.query, request.body], [asked.method, asked.path, asked.query, asked.body]) &&
      MATTERS.every((name) => request.headers[name] === asked.headers[name]),
  )?.reply
}
