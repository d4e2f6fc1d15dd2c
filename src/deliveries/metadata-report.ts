import { parseReport, toEvent } from '../formats/guest-report.ts'
import { createBoundedCache } from './metadata-cache.ts'
import type { Guest } from './metadata-guests.ts'
import { bareReply, textReply, type Reply } from './metadata-reply.ts'

/** Hears what guests say of themselves. */
export interface Reports {
  hear(guest: Guest, body: Uint8Array, now: number): Reply
}

const HEARD = textReply(200)
const NO_REPORT = textReply(400, 'a report of cloud-init, or of a program of ours, is expected')
const TOO_MANY = bareReply(429)

/** How many reports of one instance are recorded at once, and after how long another one: a boot has some ten. */
const BURST = 200
const REFILL_MS = 10_000

/** What is known of the instances that reported lately. */
const ALLOWANCES_MAX_BYTES = 4 * 1024 * 1024
const ALLOWANCE_BYTES = 300

interface Allowance {
  left: number
  at: number
}

/** Reports are kept for ever, and a guest may say what it likes: so each has an allowance. */
export function createReports(): Reports {
  const allowances = createBoundedCache<Allowance>(ALLOWANCES_MAX_BYTES)

  function isAllowed(instanceId: string, now: number): boolean {
    const known = allowances.get(instanceId)
    const { left, at } = known ?? { left: BURST, at: now }
    const refilled = Math.min(BURST, left + Math.max(0, now - at) / REFILL_MS)
    if (refilled < 1) return false
    const next = { left: refilled - 1, at: now }
    if (known) Object.assign(known, next)
    else allowances.set(instanceId, next, ALLOWANCE_BYTES)
    return true
  }

  return {
    hear(guest, body, now) {
      const { instanceId, revision, context } = guest
      const report = parseReport(body, context.userData)
      if (report === undefined) return NO_REPORT
      if (report.word === undefined) return HEARD
      if (!isAllowed(instanceId, now)) return TOO_MANY
      const digest = guest.userDataSha256()
      const about = { instanceId, revision, at: now, source: 'agent' } as const
      return { ...HEARD, heard: toEvent(report.word, { ...about, ...(digest ? { userDataSha256: digest } : {}) }) }
    },
  }
}
