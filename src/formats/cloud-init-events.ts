import type { GuestWord } from './guest-word.ts'
import { detect, type Detected } from './index.ts'

/** One event of cloud-init's reporting. `result` is there with `finish` only. */
export interface CloudInitEvent {
  readonly name: string
  readonly type: 'start' | 'finish'
  readonly result?: 'SUCCESS' | 'WARN' | 'FAIL'
  readonly description: string
}

const ORIGIN = 'cloudinit'
const NAME = /^[\w/.-]{1,128}$/
const TYPES = ['start', 'finish'] as const
const RESULTS = ['SUCCESS', 'WARN', 'FAIL'] as const

/** The step that reads user data and hands it to the handlers of its format. */
const CONSUME = 'init-network/consume-user-data'
const SCRIPTS = 'modules-final/config-scripts-user'
const LAST_STAGE = 'modules-final'
const STAGE = /^(?:init-network|modules-config|modules-final)$/
const STAGE_OR_MODULE = /^(?:init-network|modules-config|modules-final)(?:\/config-[\w-]+)?$/
/** What a person wants to see in a timeline even where it went well. */
const SHOWN = new Set(['init-network/activate-datasource', CONSUME])

/** An event of a reporting event's JSON, as the webhook posts it; `undefined` where it is none. */
export function parseEvent(value: unknown): CloudInitEvent | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { origin, name, description, event_type, result } = value as Readonly<Record<string, unknown>>
  const type = TYPES.find((each) => each === event_type)
  if (origin !== ORIGIN || !type) return undefined
  if (typeof name !== 'string' || !NAME.test(name) || typeof description !== 'string') return undefined
  if (type === 'start') return { name, type, description }
  const known = RESULTS.find((each) => each === result)
  return known && { name, type, result: known, description }
}

/**
 * What an event says of the user's data.
 *
 * A boot that ends well proves nothing, for cloud-init ignores much without a word: only the success of what handles this
 * format counts, and only where {@link detect} finds that cloud-init takes these bytes.
 *
 * @returns `undefined` for what is worth no event
 */
export function judgeEvent(event: CloudInitEvent, userData: Uint8Array | undefined): GuestWord | undefined {
  if (event.type === 'start') return undefined
  const name = event.name.replaceAll('_', '-')
  // Our own words: a description could name what is the user's.
  const detail = `${event.name}: ${event.result ?? ''}`
  const kind = kindOf({ ...event, name }, userData)
  return kind && { speaker: 'cloud-init', kind, detail }
}

function kindOf(event: CloudInitEvent, userData: Uint8Array | undefined): GuestWord['kind'] | undefined {
  const { name, result } = event
  const detected = matters(event) && userData ? lookedAt(userData) : undefined
  if (detected && isFailure(event, detected)) return 'failed'
  if (detected && isSuccess(event, detected)) return 'applied'
  if (name === LAST_STAGE) return 'finished'
  return STAGE.test(name) || SHOWN.has(name) || result !== 'SUCCESS' ? 'state' : undefined
}

/** A guest may report as often as it likes: the same bytes are looked at once. */
const KNOWN = new WeakMap<Uint8Array, Detected>()

function lookedAt(userData: Uint8Array): Detected {
  const detected = KNOWN.get(userData) ?? detect(userData)
  KNOWN.set(userData, detected)
  return detected
}

/** Whether the user's data has to be looked at for it: most events are of modules that went well. */
function matters({ name, result }: CloudInitEvent): boolean {
  return result !== 'SUCCESS' || name === LAST_STAGE || name === SCRIPTS
}

function isFailure({ name, result }: CloudInitEvent, { cloudInit, provenBy }: Detected): boolean {
  if (result === 'SUCCESS' || cloudInit === 'ignores') return false
  return name === CONSUME || name === SCRIPTS || (provenBy === 'modules-final' && STAGE_OR_MODULE.test(name))
}

function isSuccess({ name, result, description }: CloudInitEvent, { provenBy }: Detected): boolean {
  if (result !== 'SUCCESS' || provenBy === undefined) return false
  if (provenBy === 'modules-final') return name === LAST_STAGE
  // In later boots it says "previously ran", also where that failed, and also where the data are new and were ignored.
  return name === SCRIPTS && /^config-scripts[-_]user ran successfully/.test(description)
}
