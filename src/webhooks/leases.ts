import type { Webhook } from '../model/webhook.ts'
import type { Store } from '../store/store.ts'

/** The webhooks that this process alone tells, each for a while. */
export interface WebhookLeases {
  /** Whether nobody else has it. */
  mayTake(webhook: Webhook): boolean
  /** @returns the webhook as it is then, where it is ours for a while from now; `undefined` where it is another's, or gone */
  take(id: string): Promise<Webhook | undefined>
  /** Whether it surely is ours still. */
  has(id: string): boolean
  /** Renews in time what is still needed. */
  renew(isNeeded: (id: string) => boolean): Promise<void>
  /** Lets others have all that is ours. */
  release(): Promise<void>
}

/** How leases are kept. */
interface LeaseOptions {
  readonly store: Pick<Store, 'leaseWebhook' | 'releaseWebhooks'>
  /** Names this process and no other, nor an earlier one. */
  readonly holder: string
  /** For how long a lease is taken, in milliseconds. */
  readonly leaseMs: number
  readonly now: () => number
}

/** Among processes that share a store, each webhook is told by the one that has its lease. */
export function createWebhookLeases({ store, holder, leaseMs, now }: LeaseOptions): WebhookLeases {
  /** Until when each is ours. */
  const held = new Map<string, number>()

  const leftMs = (id: string): number => (held.get(id) ?? -Infinity) - now()

  async function take(id: string): Promise<Webhook | undefined> {
    const untilMs = now() + leaseMs
    const webhook = await store.leaseWebhook(id, holder, untilMs)
    if (webhook) held.set(id, untilMs)
    else held.delete(id)
    return webhook
  }

  return {
    mayTake: ({ lease }) => lease === undefined || lease.holder === holder || lease.untilMs <= now(),
    take,
    has: (id) => leftMs(id) > 0,
    async renew(isNeeded) {
      // What ran out may have been another's meanwhile, who has let go of it: to take it on as if nothing had been would be wrong.
      for (const id of held.keys()) if (leftMs(id) <= 0) held.delete(id)
      await Promise.all([...held.keys()].filter((id) => leftMs(id) < (2 / 3) * leaseMs && isNeeded(id)).map(take))
    },
    async release() {
      if (held.size > 0) await store.releaseWebhooks(holder)
      held.clear()
    },
  }
}
