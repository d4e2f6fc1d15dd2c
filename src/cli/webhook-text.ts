import type { Static } from 'typebox'
import { EVENT_KINDS } from '../model/events.ts'
import type { WebhookBody } from '../frontends/rest/webhooks.ts'
import { oneLine } from '../formats/lines.ts'
import { ageText, printable, table } from './output.ts'
import { shortIds } from './which-instance.ts'

/** A webhook as the gateway shows it. */
export type Webhook = Static<typeof WebhookBody>

/** The project's webhooks, one a line. */
export function webhooksTable(webhooks: readonly Webhook[]): string {
  const ids = shortIds(webhooks.map(({ id }) => id))
  const rows = webhooks.map(({ state, kinds, failures, url }, index) =>
    [ids[index] ?? '', state, kindsText(kinds), String(failures), url].map(printable),
  )
  return table([['ID', 'STATE', 'KINDS', 'FAILURES', 'URL'], ...rows], [3])
}

function kindsText(kinds: Webhook['kinds']): string {
  const [left, ...more] = EVENT_KINDS.filter((kind) => !kinds.includes(kind))
  if (more.length > 0) return kinds.join(', ')
  return left === undefined ? 'all' : `all but ${left}`
}

/** No URL that the gateway takes is longer, in characters. */
const URL_MAX = 2000

/**
 * One webhook, and how its last tries went.
 *
 * @param now milliseconds since the epoch
 */
export function webhookText(webhook: Webhook, now: number): string {
  const { id, url, state, kinds, failures, reason, nextAt, missed, createdAt } = webhook
  const rows: (readonly [string, string | undefined])[] = [
    ['id', printable(id)],
    // Whole: who asks for one wants to know where it goes.
    ['URL', oneLine(url, URL_MAX)],
    ['state', printable(state)],
    ['kinds', printable(kinds.join(', '))],
    ['created', printable(`${createdAt} (${ageText(now - Date.parse(createdAt))} ago)`)],
    ['failures', String(failures)],
    ['reason', reason === undefined ? undefined : printable(reason)],
    ['next try', nextAt === undefined ? undefined : printable(`${nextAt} (${whenText(Date.parse(nextAt) - now)})`)],
    ['missed', missed === 1 ? '1 event' : `${missed} events`],
  ]
  return table(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}

function whenText(ms: number): string {
  return ms > 0 ? `in ${ageText(ms)}` : 'now'
}
