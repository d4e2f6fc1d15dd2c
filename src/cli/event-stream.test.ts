import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { readEventStream, type StreamMessage } from './event-stream.ts'

async function read(pieces: readonly Uint8Array[]): Promise<readonly StreamMessage[]> {
  async function* source() {
    yield* pieces
  }
  const messages: StreamMessage[] = []
  for await (const message of readEventStream(source())) messages.push(message)
  return messages
}

const whole = (text: string): Promise<readonly StreamMessage[]> => read([Buffer.from(text)])

test('a message is its lines of data; comments, ids and unknown fields are none', async () => {
  assert.deepEqual(
    await whole(': here\n\nid: 7\nretry: 5\ndata: a\ndata:b\ndata\nother: x\n\nevent: end\ndata: {}\n\n'),
    [
      { event: 'message', data: 'a\nb\n' },
      { event: 'end', data: '{}' },
    ],
  )
})

test('what is not ended is no message yet, and one without data is none', async () => {
  assert.deepEqual(await whole('event: end\n\ndata: a\n'), [])
})

test('a stream means the same, whatever its line breaks and wherever it is cut', async () => {
  const message = fc.record(
    { event: fc.constantFrom('message', 'end', 'kůň'), data: fc.stringMatching(/^[^\r\n\0]*$/) },
    { noNullPrototype: true },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 5 }),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.array(fc.nat(400)),
      async (messages, line, cuts) => {
        const bytes = Buffer.from(
          messages.map(({ event, data }) => `event: ${event}${line}data: ${data}${line}${line}`).join('') + `:${line}`,
        )
        const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
        const pieces = places.slice(1).map((to, index) => bytes.subarray(places[index], to))
        assert.deepEqual(await read(pieces), messages)
      },
    ),
  )
})

test('a line without end is refused before it fills the memory', async () => {
  const piece = Buffer.alloc(600 * 1024, 'x')
  await assert.rejects(read([piece, piece]), (error) => isCloudError(error, 'provider-failed'))
})
