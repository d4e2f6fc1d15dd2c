import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ApiClient } from './api-client.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { isCloudError } from '../model/errors.ts'
import { followEvents, toContextEvent, type ShownEvent } from './follow-events.ts'
import { consoleLine, print, printJsonLine, talk } from './output.ts'
import { timelineLine } from './timeline.ts'
import { instanceId, type Shown } from './which-instance.ts'

interface LogsOptions extends ApiOptions {
  readonly follow?: boolean
  readonly console?: boolean
}

/** `bellhop logs`: an instance's timeline, or its console. */
export function logsCommand(): Command {
  return apiCommand('logs', 'show the timeline of an instance, or its console')
    .argument('<instance>', 'its id, the beginning of it, or its name')
    .option('-f, --follow', 'go on as more comes, until the instance is gone or Ctrl-C')
    .option('--console', 'what the guest says on its console instead')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop logs -f web1
  $ bellhop logs web1 -o json | jq -r 'select(.kind == "access") | .path'
  $ bellhop logs --console web1

With -o json each event, or line of the console, is an object on a line of its own. Times are since the instance was asked for.
A gateway that restarts meanwhile is come back to; nothing is shown twice.`,
    )
    .action(logs)
}

async function logs(given: string, options: LogsOptions): Promise<void> {
  const client = await clientFor(options)
  const id = await instanceId(client, given)
  if (options.console) return await showConsole(client, id, options)
  const { createdAt } = await client.get<Shown>(`/instances/${id}`)
  const since = Date.parse(createdAt)
  const show = (event: ShownEvent): void => {
    if (options.output === 'json') printJsonLine(event)
    else print(timelineLine(toContextEvent(event), since))
  }
  if (!options.follow) {
    for await (const event of eventsSoFar(client, id)) show(event)
    return
  }
  const forever = new AbortController().signal
  for await (const event of followEvents(client, id, { signal: forever, onAway: sayAway })) show(event)
  talk(`bellhop: ${given} is gone`)
}

/** What people are told while a gateway does not answer. */
export function sayAway(): void {
  talk('bellhop: the gateway is away; waiting for it')
}

async function* eventsSoFar(client: ApiClient, id: string): AsyncGenerator<ShownEvent> {
  for (let after = 0; ;) {
    const page = await client.get<{ readonly events: readonly ShownEvent[]; readonly next: number }>(
      `/instances/${id}/events?after=${after}`,
    )
    if (page.events.length === 0) return
    yield* page.events
    after = page.next
  }
}

const LOOK_MS = 1000

async function showConsole(client: ApiClient, id: string, { follow = false, output }: LogsOptions): Promise<void> {
  let [from, rest, wasThere, isAway] = [0, '', false, false]
  const show = (line: string): void => (output === 'json' ? printJsonLine({ line }) : print(consoleLine(line)))
  for (;;) {
    const piece = await client
      .get<{ readonly text: string; readonly next: number }>(`/instances/${id}/console?from=${from}`)
      .catch((error: unknown) => {
        if (!follow || !wasThere) throw error
        if (isCloudError(error, 'unavailable')) return undefined
        if (isCloudError(error, 'not-found')) return 'gone' as const
        throw error
      })
    if (piece === 'gone') break
    if (piece === undefined && !isAway) sayAway()
    isAway = piece === undefined
    wasThere ||= !isAway
    const lines = (rest + (piece?.text ?? '')).split(/\r*\n/)
    rest = lines.pop() ?? ''
    for (const line of lines) show(line)
    const isEnd = piece !== undefined && piece.next === from
    from = piece?.next ?? from
    if (isEnd && !follow) break
    if (isEnd || isAway) await sleep(LOOK_MS)
  }
  if (rest !== '') show(rest)
}
