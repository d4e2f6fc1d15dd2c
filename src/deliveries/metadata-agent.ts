import { isUtf8 } from 'node:buffer'
import type { Answering } from './metadata-connection.ts'
import type { PassOn } from './metadata-pass-on.ts'
import { bareReply, NOT_FOUND, type Reply } from './metadata-reply.ts'

/** What every release of the agent passes on; of anything else it makes a 500, or breaks off. */
const PASSED_ON: ReadonlySet<number> = new Set([200, 400, 403, 404, 409, 500])

/**
 * A listener in Nova's place behind Neutron's metadata agents. They pass on only some statuses, and newer ones make text of every
 * answer on its way; no header of a guest ever comes through them.
 *
 * @param passOn answers for instances that are not ours; absent: there is nothing for them
 * @see neutron, common/metadata.py and agent/metadata/proxy_base.py
 */
export function throughAgent(answering: Answering, passOn: PassOn | undefined): Answering {
  return {
    ...answering,
    refusal: (status) => toAgent(answering.refusal(status)),
    answer: (asked, method, body, now) => {
      if (asked.caller === undefined && passOn) return passOn.answer(asked, method, body)
      // A guest that is refused a session token goes on without one; it could never show one here.
      if (method === 'PUT') return NOT_FOUND
      const reply = answering.answer(asked, method, body, now)
      return reply instanceof Promise ? reply.then(toAgent) : toAgent(reply)
    },
  }
}

function toAgent(reply: Reply): Reply {
  const { status, head, body } = reply
  if (!PASSED_ON.has(status)) return bareReply(statusInstead(status))
  // Made text and bytes again, every byte of Latin-1 is what it was.
  return isUtf8(body) ? reply : { ...reply, head: head.replace('charset=UTF-8', 'charset=ISO-8859-1') }
}

function statusInstead(status: number): number {
  if (status === 405) return 404
  return status < 500 ? 400 : 500
}
