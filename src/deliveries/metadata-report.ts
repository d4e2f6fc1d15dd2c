import { ofFormer, parseReport, REPORT_MAX_BYTES, toEvent } from '../formats/guest-report.ts'
import type { EventKind } from '../model/events.ts'
import { createBoundedCache } from './metadata-cache.ts'
import type { Guest } from './metadata-guests.ts'
import { bareReply, textReply, type Reply } from './metadata-reply.ts'

/** Hears what guests say of themselves. */
export interface Reports {
  /** @param isSafe nobody but the guest itself can have said it */
  hear(guest: Guest, body: Uint8Array, now: number, isSafe?: boolean): Reply
}

const HEARD = textReply(200)
const NO_REPORT = textReply(400, 'a report of cloud-init, or of a program of ours, is expected')
const TOO_LARGE = bareReply(413)
const TOO_MANY = bareReply(429)

/** How many events of one kind an instance's reports make at once, and after how long another one: a boot makes some ten in all. */
const BURST = 50
const REFILL_MS = 300_000

/** What is known of the instances that reported lately. One that reports on and on stays, however many others come. */
const ALLOWANCES_MAX_BYTES = 16 * 1024 * 1024
const ALLOWANCE_BYTES = 600

interface Left {
  count: number
  at: number
}

/** Host keys have one of their own: they come but once in a boot. */
type Sort = EventKind | 'host-keys'

type Allowance = Map<Sort, Left>

/**
 * Events are kept for ever, and a guest may say what it likes: so each has an allowance. It has one for each kind: whatever
 * some program in the guest says without end, the first word that tells how the delivery ended is heard.
 */
export function createReports(): Reports {
  const allowances = createBoundedCache<Allowance>(ALLOWANCES_MAX_BYTES)

  function allowanceOf(instanceId: string): Allowance {
    const known = allowances.get(instanceId)
    if (known) return known
    const allowance: Allowance = new Map()
    allowances.set(instanceId, allowance, ALLOWANCE_BYTES)
    return allowance
  }

  function isAllowed(instanceId: string, sort: Sort, now: number): boolean {
    const allowance = allowanceOf(instanceId)
    const { count, at } = allowance.get(sort) ?? { count: BURST, at: now }
    const refilled = Math.min(BURST, count + Math.max(0, now - at) / REFILL_MS)
    if (refilled < 1) return false
    allowance.set(sort, { count: refilled - 1, at: now })
    return true
  }

  return {
    hear(guest, body, now, isSafe = false) {
      if (body.length > REPORT_MAX_BYTES) return TOO_LARGE
      const { instanceId, revision, context, wrappedSha256 } = guest
      const report = parseReport(body, context.userData)
      if (report === undefined) return NO_REPORT
      if (report.word === undefined) return HEARD
      const userDataSha256 = guest.userDataSha256()
      const event = toEvent(report.word, {
        instanceId,
        revision,
        at: now,
        evidence: 'report',
        ...(userDataSha256 === undefined ? {} : { userDataSha256 }),
        ...(wrappedSha256 === undefined ? {} : { wrappedSha256 }),
      })
      const said = hasFormer(guest) ? ofFormer(event, userDataSha256) : event
      const heard = said.hostKeys && isSafe ? ({ ...said, hostKeysVerified: true } as const) : said
      return isAllowed(instanceId, heard.hostKeys ? 'host-keys' : heard.kind, now) ? { ...HEARD, heard } : TOO_MANY
    },
  }
}

/** Between an update and the guest's next look it works with what it had before: its words say nothing of the new data. */
function hasFormer(guest: Guest): boolean {
  const fetched = guest.fetchedRevision()
  return fetched !== guest.revision && (guest.hasFormer ?? fetched !== undefined)
}
