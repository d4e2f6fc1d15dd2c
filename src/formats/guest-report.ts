import type { ContextEvent, DeliveryMethod } from '../model/events.ts'
import { parseAgentWord } from './agent-word.ts'
import { judgeEvent, parseEvent } from './cloud-init-events.ts'
import { parseFinalMessage, parsePrintedEvent } from './cloud-init-console.ts'
import { parsePhoneHome } from './cloud-init-phone-home.ts'
import type { GuestWord } from './guest-word.ts'
import { parseJson } from './json.ts'
import { cleanLine } from './lines.ts'

/** A report has at most so many bytes: cloud-init's events have some two hundred, and its keys some two thousand. */
export const REPORT_MAX_BYTES = 16 * 1024

/** A longer console line is none that we look for. */
const LINE_MAX_CHARACTERS = 8192

/** How a line begins by which our own programs speak on the console. */
const AGENT_LINE = 'BELLHOP '

/** A valid report; `word` is absent where it says nothing that is worth an event (most of cloud-init's). */
export interface Report {
  readonly word?: GuestWord
}

/**
 * Reads what a guest posts to `/report`: one JSON object of our own programs, one event of cloud-init's webhook, or the form
 * that its `phone_home` fills in.
 *
 * @param userData what this guest was sent: an event proves something only of data that cloud-init takes
 * @returns `undefined` where the body is no report at all, which deserves an error; never throws
 */
export function parseReport(body: Uint8Array, userData: Uint8Array | undefined): Report | undefined {
  if (body.length > REPORT_MAX_BYTES) return undefined
  const text = new TextDecoder().decode(body)
  const value = parseJson(text)
  const event = parseEvent(value)
  if (event) return toReport(judgeEvent(event, userData))
  const said = parseAgentWord(value)
  const word = said?.speaker ? said : parsePhoneHome(text)
  return word && { word }
}

/**
 * Reads one line of a guest's console: ours (`BELLHOP {…}`), or one of cloud-init's.
 *
 * @param line without the newline; colours and carriage returns may be in it
 * @param userData what this guest was sent
 * @returns `undefined` for all other lines; never throws
 */
export function parseConsoleLine(line: string, userData: Uint8Array | undefined): GuestWord | undefined {
  if (line.length > LINE_MAX_CHARACTERS) return undefined
  const text = cleanLine(line)
  if (text.startsWith(AGENT_LINE)) return parseAgentWord(parseJson(text.slice(AGENT_LINE.length)))
  const event = parsePrintedEvent(text)
  return event ? judgeEvent(event, userData) : parseFinalMessage(text)
}

/** What a word is about, and who heard it. */
export interface Hearing {
  readonly instanceId: string
  readonly revision: number
  /** When it was heard, in milliseconds since the epoch, by our clock: the guest's may be wrong. */
  readonly at: number
  /** How: in a report to us, or on the console. It is also the source where the word has no speaker. */
  readonly evidence: 'report' | 'console'
  /** The digest of the instance's user data; absent where it has none, so that a guest that read some read another's. */
  readonly userDataSha256?: string
  /** The digest of the message that its cloud was given in their place, of which they are a part. */
  readonly wrappedSha256?: string
  /** The way by which the data came, where the listener knows it; the word's own counts more. */
  readonly method?: DeliveryMethod
}

/**
 * The event of a word. A guest that read other bytes than were sent has failed, whatever it says. One that read a message of
 * ours as a whole speaks of the user's data in it.
 */
export function toEvent(word: GuestWord, hearing: Hearing): ContextEvent {
  const { speaker, ...said } = word
  const { userDataSha256, wrappedSha256, evidence: heard, ...about } = hearing
  const evidence = heard === 'report' && speaker !== 'cloud-init' ? 'agent' : heard
  const event = { ...about, ...said, source: speaker ?? (heard === 'console' ? 'console' : 'agent'), evidence } as const
  if (word.sha256 === undefined || word.sha256 === userDataSha256) return event
  if (word.sha256 === wrappedSha256 && userDataSha256 !== undefined) return ofPart(event, userDataSha256)
  const sent = userDataSha256 === undefined ? 'no user data was sent' : `${userDataSha256} was sent`
  return { ...event, kind: 'failed', detail: `the guest read other bytes: their SHA-256 is ${word.sha256}, ${sent}` }
}

/** An event of what is in the message that the guest named; the message's size is not theirs. */
function ofPart({ bytes: _, detail, ...event }: ContextEvent, userDataSha256: string): ContextEvent {
  const wrapped = 'the data came wrapped'
  return { ...event, sha256: userDataSha256, detail: detail === undefined ? wrapped : `${detail}; ${wrapped}` }
}

/** A word of a guest that has former data yet, as one that says nothing of these; one that names these by their digest does. */
export function ofFormer(event: ContextEvent, userDataSha256: string | undefined): ContextEvent {
  return event.sha256 !== undefined && event.sha256 === userDataSha256 ? event : { ...event, kind: 'state' }
}

function toReport(word: GuestWord | undefined): Report {
  return word ? { word } : {}
}
