import { Option, type Command } from 'commander'
import { CloudError, isCloudError } from '../model/errors.ts'
import { deliveryOf, type ContextEvent } from '../model/events.ts'
import type { ApiClient } from './api-client.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { EXIT } from './exit-codes.ts'
import { followEvents, toContextEvent } from './follow-events.ts'
import { sayAway } from './logs.ts'
import { print, printable, printJson, talk, toMs } from './output.ts'
import { instanceId, type Shown } from './which-instance.ts'

interface WaitOptions extends ApiOptions {
  readonly for: 'fetched' | 'applied'
  readonly timeout: string
}

/** `bellhop wait`: until the guest has its data, or used them. */
export function waitCommand(): Command {
  return apiCommand('wait', 'wait until the guest has fetched, or applied, its data')
    .argument('<instance>', 'its id, the beginning of it, or its name')
    .addOption(new Option('--for <state>', 'what to wait for').choices(['fetched', 'applied']).default('applied'))
    .option('--timeout <duration>', 'how long (90s, 5m)', '5m')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop wait web1
  $ bellhop wait web1 --for fetched --timeout 90s && echo 'it has them'

Ends with 0 when it is so; with 7 at the time-out, saying how far it came; with 8 when the guest reported failure; with 6 when
the instance is in error, and with 3 when it is gone. Data that replace others are waited for anew.`,
    )
    .action(wait)
}

/** How a wait ended. */
interface Ending {
  readonly exitCode: number
  /** One line for people. */
  readonly message: string
}

async function wait(given: string, options: WaitOptions): Promise<void> {
  const timeoutMs = toMs(options.timeout)
  const client = await clientFor(options)
  const id = await instanceId(client, given)
  const events: ContextEvent[] = []
  const onState = (state: string): void => talk(`bellhop: ${printable(given)}: ${state}`)
  const ending = await endingOf(client, id, events, { wanted: options.for, timeoutMs, onState })
  const revision = Math.max(1, ...events.map((event) => event.revision))
  const { state } = deliveryOf(events, revision)
  if (options.output === 'json') printJson({ id, state, revision, ...ending })
  else if (ending.exitCode === EXIT.ok) print(state ?? '')
  talk(`bellhop: ${printable(given)}: ${ending.message}`)
  process.exitCode = ending.exitCode
}

/** What is waited for, how long, and who is told of each state on the way. */
interface Patience {
  readonly wanted: WaitOptions['for']
  readonly timeoutMs: number
  readonly onState: (state: string) => void
}

/** @param events gets all that is seen */
async function endingOf(
  client: ApiClient,
  id: string,
  events: ContextEvent[],
  { wanted, timeoutMs, onState }: Patience,
): Promise<Ending> {
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), timeoutMs)
  try {
    let { revision } = await instanceIn(client, id)
    let before: string | undefined
    for await (const shown of followEvents(client, id, { signal: patience.signal, onAway: sayAway })) {
      const event = toContextEvent(shown)
      events.push(event)
      revision = Math.max(revision, event.revision)
      const ending = endingNow(events, revision, wanted) ?? (await errorNow(client, id, event))
      if (ending) return ending
      const { state } = deliveryOf(events, revision)
      if (state !== undefined && state !== before) onState(state)
      before = state
    }
    if (!patience.signal.aborted) return { exitCode: EXIT.notFound, message: 'it is gone' }
    const { state = 'not even planned', finishedUnproven } = deliveryOf(events, revision)
    const why = finishedUnproven ? '; the guest ended its boot, and nothing proves that it used the data' : ''
    return { exitCode: EXIT.timeout, message: `time-out after ${timeoutMs / 1000} s: the data are ${state}${why}` }
  } finally {
    clearTimeout(timer)
  }
}

function endingNow(events: readonly ContextEvent[], revision: number, wanted: WaitOptions['for']): Ending | undefined {
  const { state, servedBy } = deliveryOf(events, revision)
  if (state === 'applied' || state === wanted) {
    const way = servedBy === undefined ? '' : `, which came by ${servedBy}`
    return { exitCode: EXIT.ok, message: `the guest ${state} the data${way}` }
  }
  if (state !== 'failed') return undefined
  const { detail, exitCode } = events.findLast(({ kind }) => kind === 'failed') ?? {}
  const said = [exitCode === undefined ? [] : [`exit code ${exitCode}`], detail ?? []].flat().map(printable)
  const why = said.length === 0 ? '' : ` (${said.join('; ')})`
  return { exitCode: EXIT.guestFailed, message: `the guest reported failure${why}` }
}

/** An error of long ago may be mended since. */
async function errorNow(client: ApiClient, id: string, { kind, state }: ContextEvent): Promise<Ending | undefined> {
  if (kind !== 'state' || state !== 'error') return undefined
  const { state: now, reason = 'it does not say why' } = await instanceIn(client, id)
  return now === 'error'
    ? { exitCode: EXIT.providerFailed, message: `it is in error: ${printable(reason)}` }
    : undefined
}

async function instanceIn(client: ApiClient, id: string): Promise<Shown> {
  try {
    return await client.get<Shown>(`/instances/${id}`)
  } catch (error) {
    if (isCloudError(error, 'not-found')) throw new CloudError('not-found', `there is no instance ${id} (any more)`)
    throw error
  }
}
