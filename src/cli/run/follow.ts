import { setTimeout as sleep } from 'node:timers/promises'
import type { ContextEvent } from '../../model/events.ts'
import type { Caller, Instance } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import { EXIT } from '../exit-codes.ts'
import { consoleLine } from '../output.ts'
import { timelineLine } from '../timeline.ts'
import { outcomeOf, stoppedOutcome, timeoutOutcome, type Outcome } from './outcome.ts'

/** How an instance is followed. */
export interface FollowOptions {
  readonly timeoutMs: number
  /** Fires when the user wants no more of it. */
  readonly stop: AbortSignal
  readonly onStage: (line: string) => void
  /** Shows the console too, and every access instead of the first. */
  readonly isVerbose: boolean
  readonly onConsole: (line: string) => void
}

/** All that was seen of a run. */
export interface Followed {
  readonly instance: Instance
  readonly events: readonly ContextEvent[]
  readonly outcome: Outcome
  readonly elapsedMs: number
}

const LOOK_MS = 200
/** What the console still says after the machine went off is waited for so long. */
const LAST_WORDS_MS = 2000

/** Shows each event as it comes, until one of them, the time or the user ends it. */
export async function follow(
  service: Service,
  instance: Instance,
  caller: Caller,
  options: FollowOptions,
): Promise<Followed> {
  const startedAt = Date.now()
  const showConsole = options.isVerbose
    ? consoleReader(service, instance.id, caller, options.onConsole)
    : async () => {}
  const isShown = options.isVerbose ? () => true : withoutRepetition()
  let shown = 0
  let stoppedAt: number | undefined
  for (;;) {
    const events = await service.events(instance.id, caller)
    for (const event of events.slice(shown))
      if (isShown(event)) options.onStage(timelineLine(event, instance.createdAt))
    shown = events.length
    await showConsole()
    const { state } = await service.get(instance.id, caller)
    if (state === 'inactive' || state === 'error') stoppedAt ??= Date.now()
    const outcome = outcomeNow(events)
    if (outcome) {
      await showConsole()
      return { instance, events, outcome, elapsedMs: Date.now() - startedAt }
    }
    await sleep(LOOK_MS)
  }

  function outcomeNow(events: readonly ContextEvent[]): Outcome | undefined {
    const now = Date.now()
    const { revision } = instance
    if (options.stop.aborted) return { exitReason: 'interrupted', exitCode: EXIT.interrupted, message: 'interrupted' }
    const seen = outcomeOf(events, revision, now)
    if (seen) return seen
    if (stoppedAt !== undefined && now - stoppedAt >= LAST_WORDS_MS) return stoppedOutcome(events, revision)
    return now - startedAt >= options.timeoutMs ? timeoutOutcome(events, revision, options.timeoutMs) : undefined
  }
}

/** A guest asks for some twenty paths; that it asks at all is the stage that people wait for. */
function withoutRepetition(): (event: ContextEvent) => boolean {
  let hasAsked = false
  return ({ kind }) => {
    if (kind !== 'access') return true
    if (hasAsked) return false
    return (hasAsked = true)
  }
}

function consoleReader(
  service: Service,
  id: string,
  caller: Caller,
  onConsole: FollowOptions['onConsole'],
): () => Promise<void> {
  let [from, rest] = [0, '']
  return async () => {
    const { text, next } = await service.console(id, from, caller)
    const lines = (rest + text).split(/\r*\n/)
    rest = lines.pop() ?? ''
    from = next
    for (const line of lines) onConsole(`  | ${consoleLine(line)}`)
  }
}
