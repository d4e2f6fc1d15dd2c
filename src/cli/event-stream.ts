import { CloudError } from '../model/errors.ts'

/** One message of a stream. */
export interface StreamMessage {
  /** `message` where the stream says nothing else. */
  readonly event: string
  readonly data: string
}

const LINE_MAX_CHARACTERS = 1024 * 1024

/**
 * Reads server-sent events, in pieces of any size. What is not ended by an empty line is no message yet.
 *
 * @throws {CloudError} provider-failed when a line is no line of such a stream
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export async function* readEventStream(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<StreamMessage> {
  let [event, data]: [string, string[]] = ['', []]
  for await (const line of linesOf(pieces)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n') }
      event = ''
      data = []
      continue
    }
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
}

async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of pieces) {
    // A carriage return at the end may be the first half of a line break.
    const lines = (rest + decoder.decode(piece, { stream: true })).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    yield* lines
    if (rest.length > LINE_MAX_CHARACTERS)
      throw new CloudError('provider-failed', 'the stream of events has a line without end')
  }
}
