import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHttpClient } from '../../../wire/http.ts'
import { parseXml } from '../../../wire/xml.ts'
import type { Call } from '../../provider.ts'
import { openNebulaApi, type OpenNebulaApi } from '../api.ts'

/** What was recorded: the simulator has it too. */
export const RECORDINGS = new URL('../../../../test/opennebula/testdata/', import.meta.url)

/** The body of a recorded request or answer. */
export function recorded(name: string, part: 'req' | 'resp'): Promise<string> {
  return readFile(new URL(`${name}.${part}.xml`, RECORDINGS), 'utf8')
}

/** What a recorded request says, in the three types that OpenNebula takes. */
export async function recordedCall(
  name: string,
): Promise<{ readonly method: string; readonly parameters: readonly (string | number | boolean)[] }> {
  const [method, parameters] = parseXml(await recorded(name, 'req')).children
  const values = parameters?.children.map((parameter) => {
    const { name: type, text } = parameter.children[0]?.children[0] ?? { name: 'nothing', text: '' }
    if (type === 'string') return text
    if (type === 'i4') return Number(text)
    if (type === 'boolean') return text === '1'
    throw new Error(`${name}: a parameter of type ${type}`)
  })
  return { method: method?.text ?? '', parameters: values ?? [] }
}

/** A server on 127.0.0.1 that answers every request with what was recorded under a name. */
async function withRecorded(
  name: string,
  use: (url: string, bodies: readonly string[]) => Promise<void>,
): Promise<void> {
  const answer = await recorded(name, 'resp')
  const isHtml = answer.startsWith('<HTML>')
  const bodies: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks).toString())
      const type = isHtml ? 'text/html' : 'text/xml; charset=utf-8'
      response.writeHead(isHtml ? 404 : 200, { connection: 'close', 'content-type': type }).end(answer)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/RPC2`, bodies)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** The accounts of the recording. */
export const ADMIN = 'oneadmin:opennebula'
export const ALICE = 'alice:wonderland'
/** Time enough for whatever is asked. */
export const call = (): Call => ({ signal: new AbortController().signal, deadline: Date.now() + 20_000 })

/** One call, or more. */
export type Ask = (api: OpenNebulaApi, call: Call) => Promise<unknown>

/** Asks with what was recorded as the answer; what was sent must be what was recorded, too. */
export async function replay(name: string, ask: Ask, session = ADMIN): Promise<unknown> {
  const http = createHttpClient({ maxTries: 1 })
  try {
    let result: unknown
    await withRecorded(name, async (url, bodies) => {
      result = await ask(openNebulaApi({ url, session, http, name: 'one' }), call()).catch((error: unknown) => error)
      assert.deepEqual(bodies, [(await recorded(name, 'req')).trimEnd()])
    })
    return result
  } finally {
    await http.close()
  }
}

/** What the recorded call sends as text at a place; the session is at 0. */
export async function sentText(name: string, place: number): Promise<string> {
  const text = (await recordedCall(name)).parameters[place]
  assert.ok(typeof text === 'string')
  return text
}
