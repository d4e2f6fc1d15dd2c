import { deliveryOf, type ContextEvent, type Delivery } from '../../model/events.ts'
import { EXIT } from '../exit-codes.ts'

/** Why `run` ended: stable words, for `-o json`. */
type ExitReason = 'applied' | 'fetched' | 'failed' | 'timeout' | 'stopped' | 'interrupted'

/** How a run ended. */
export interface Outcome {
  readonly exitReason: ExitReason
  readonly exitCode: number
  /** One line for people. */
  readonly message: string
}

/** A guest whose program has not spoken so long after it fetched is taken for one that cannot. */
export const SILENCE_MS = 45_000

/** cloud-init's own last line may come before the one that proves the use. */
const LAST_WORDS_MS = 3000
/** It phones home before the stage is over that proves the use of a cloud-config, which an emulated guest takes its time for. */
const AFTER_CALL_MS = 30_000

/**
 * Whether what was seen so far ends the run.
 *
 * @param revision of the context
 * @param now milliseconds since the epoch
 */
export function outcomeOf(events: readonly ContextEvent[], revision: number, now: number): Outcome | undefined {
  const delivery = deliveryOf(events, revision)
  if (delivery.state === 'applied') return ended('applied', EXIT.ok, `the guest applied the data${by(delivery)}`)
  if (delivery.state === 'failed')
    return ended('failed', EXIT.guestFailed, `the guest reported failure${lastDetail(events, 'failed')}`)
  const last = events.findLast(({ kind }) => kind === 'finished')
  const waitMs = last?.hostKeys ? AFTER_CALL_MS : LAST_WORDS_MS
  if (delivery.finishedUnproven && last && now - last.at >= waitMs) return finished(delivery, events)
  const fetched = events.findLast(({ kind, source }) => kind === 'fetched' && source === 'metadata')
  if (fetched && !events.some(isGuestsWord) && now - fetched.at >= SILENCE_MS)
    return ended('fetched', EXIT.ok, 'the guest fetched the data from the metadata server; it says no more than that')
  return undefined
}

/** What is to be said where the time was up. */
export function timeoutOutcome(events: readonly ContextEvent[], revision: number, timeoutMs: number): Outcome {
  const delivery = deliveryOf(events, revision)
  // An image that cannot say more than this has done all that it can show.
  if (delivery.methods.metadata === 'fetched' && !events.some(isGuestsWord))
    return ended('fetched', EXIT.ok, 'the guest fetched the data from the metadata server; it says no more than that')
  return ended('timeout', EXIT.timeout, `time-out after ${timeoutMs / 1000} s: ${progressOf(delivery, events)}`)
}

/** What is to be said where the machine went off before the guest said how it went. */
export function stoppedOutcome(events: readonly ContextEvent[], revision: number): Outcome {
  return ended('stopped', EXIT.guestFailed, `the machine stopped: ${progressOf(deliveryOf(events, revision), events)}`)
}

function finished(delivery: Delivery, events: readonly ContextEvent[]): Outcome {
  const why = lastDetail(events, 'finished')
  if (delivery.state === 'fetched')
    return ended('fetched', EXIT.ok, `the guest fetched the data and finished; nothing proves that it used them${why}`)
  return ended('failed', EXIT.guestFailed, `the guest finished without the data${why}`)
}

function progressOf({ state, methods }: Delivery, events: readonly ContextEvent[]): string {
  if (state === 'fetched')
    return `the data was fetched${lastPath(events)}, but the guest has not said what became of it`
  const ways = Object.keys(methods).join(' and ')
  const asked = events.findLast(({ kind }) => kind === 'access')?.path
  if (asked !== undefined) return `the guest asked the metadata server (last for ${asked}), but not for the user data`
  return `the data was offered by ${ways}, but the guest was not seen to ask for it`
}

function isGuestsWord({ source }: ContextEvent): boolean {
  return source === 'cloud-init' || source === 'demo-guest' || source === 'agent' || source === 'console'
}

function lastPath(events: readonly ContextEvent[]): string {
  const path = events.findLast(({ kind }) => kind === 'fetched')?.path
  return path === undefined ? '' : ` from ${path}`
}

function lastDetail(events: readonly ContextEvent[], kind: ContextEvent['kind']): string {
  const event = events.findLast((each) => each.kind === kind)
  const said = [event?.exitCode === undefined ? undefined : `exit code ${event.exitCode}`, event?.detail].filter(
    Boolean,
  )
  return said.length === 0 ? '' : ` (${said.join('; ')})`
}

function by({ servedBy }: Delivery): string {
  return servedBy === undefined ? '' : `, which came by ${servedBy}`
}

function ended(exitReason: ExitReason, exitCode: number, message: string): Outcome {
  return { exitReason, exitCode, message }
}
