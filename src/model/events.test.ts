import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { deliveryOf, type ContextEvent } from './events.ts'

const event = (kind: ContextEvent['kind'], more: Partial<ContextEvent> = {}): ContextEvent => {
  return { at: 1, instanceId: 'i', revision: 1, kind, source: 'service', ...more }
}
const PLANNED = [event('planned', { method: 'metadata' }), event('planned', { method: 'disk' })]
const OFFERED = [...PLANNED, event('offered', { method: 'metadata' }), event('offered', { method: 'disk' })]

describe('delivery state', () => {
  it('is nothing before there is an event', () => {
    assert.deepEqual(deliveryOf([], 1), { state: undefined, methods: {}, finishedUnproven: false })
  })

  it('follows each way by itself, and the farthest in all', () => {
    const { state, servedBy, methods } = deliveryOf([...OFFERED, event('fetched', { method: 'metadata' })], 1)
    assert.deepEqual(
      { state, servedBy, methods },
      { state: 'fetched', servedBy: 'metadata', methods: { metadata: 'fetched', disk: 'offered' } },
    )
  })

  it('gives a word without a way to the one that served', () => {
    const fetched = event('fetched', { method: 'disk' })
    assert.equal(deliveryOf([...OFFERED, fetched, event('applied')], 1).methods.disk, 'applied')
    assert.equal(deliveryOf([...OFFERED, event('applied')], 1).servedBy, undefined, 'two could have')
    assert.equal(deliveryOf([event('offered', { method: 'disk' }), event('applied')], 1).servedBy, 'disk')
  })

  it('never claims use of data for a boot that finished, but takes the way that the guest names as read', () => {
    const { state, finishedUnproven } = deliveryOf([...OFFERED, event('finished')], 1)
    assert.deepEqual([state, finishedUnproven], ['offered', true])
    const named = deliveryOf([...OFFERED, event('finished', { method: 'disk' })], 1)
    assert.deepEqual([named.state, named.servedBy, named.finishedUnproven], ['fetched', 'disk', true])
    assert.equal(deliveryOf([...OFFERED, event('finished'), event('applied')], 1).finishedUnproven, false)
  })

  it('keeps the first of applied and failed, for user data runs once', () => {
    assert.equal(deliveryOf([event('applied'), event('failed')], 1).state, 'applied')
    assert.equal(deliveryOf([event('failed'), event('applied')], 1).state, 'failed')
  })

  it('knows only its own revision, and no state from what the machine does', () => {
    assert.equal(deliveryOf([event('applied', { revision: 2 }), event('state'), event('access')], 1).state, undefined)
  })

  it('only advances, whatever events come in whatever order', () => {
    const rank = { planned: 0, offered: 1, fetched: 2, applied: 3, failed: 3 } as const
    const kinds = ['planned', 'offered', 'access', 'fetched', 'finished', 'applied', 'failed', 'state'] as const
    const anyEvent = fc.record({
      kind: fc.constantFrom(...kinds),
      method: fc.constantFrom('metadata', 'disk', undefined),
    })
    fc.assert(
      fc.property(fc.array(anyEvent), (given) => {
        const events = given.map(({ kind, method }) => event(kind, method ? { method } : {}))
        let before = -1
        for (let count = 1; count <= events.length; count++) {
          const { state, methods } = deliveryOf(events.slice(0, count), 1)
          const now = state === undefined ? -1 : rank[state]
          assert.ok(now >= before)
          for (const each of Object.values(methods)) assert.ok(rank[each] <= now, 'no way is farther than all together')
          before = now
        }
      }),
    )
  })
})
