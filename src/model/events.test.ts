import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { deliveryOf, EVENT_KINDS, unseenMethods, type ContextEvent } from './events.ts'

const event = (kind: ContextEvent['kind'], more: Partial<ContextEvent> = {}): ContextEvent => {
  return { at: 1, instanceId: 'i', revision: 1, kind, source: 'service', ...more }
}
const PLANNED = [event('planned', { method: 'metadata' }), event('planned', { method: 'disk' })]
const OFFERED = [...PLANNED, event('offered', { method: 'metadata' }), event('offered', { method: 'disk' })]

describe('delivery state', () => {
  it('is nothing before there is an event', () => {
    assert.deepEqual(deliveryOf([], 1), { state: undefined, methods: {}, silent: [], finishedUnproven: false })
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

  it('takes the id that a guest asks for as the way that served where there is nothing more, and claims no more of it', () => {
    const asked = event('access', { method: 'metadata', isServed: true })
    const { state, servedBy, methods, silent } = deliveryOf([...OFFERED, asked, event('silent', { method: 'disk' })], 1)
    assert.deepEqual(
      { state, servedBy, methods, silent },
      { state: 'offered', servedBy: 'metadata', methods: { metadata: 'offered', disk: 'offered' }, silent: ['disk'] },
    )
    assert.equal(deliveryOf([...OFFERED, event('access', { method: 'metadata' })], 1).servedBy, undefined)
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

  it('takes no word on former data for one on those that came in their place, unless they are the same', () => {
    const [former, own] = ['a', 'b'].map((sha256) => ({ sha256, method: 'metadata' }) as const)
    const second = { revision: 2, ...own } as const
    const before = [event('planned', former), event('planned', second), event('offered', second)]
    const late = event('failed', { ...former, revision: 2 })
    assert.equal(deliveryOf([...before, late], 2).state, 'offered')
    assert.deepEqual([...unseenMethods([...before, late], 2).keys()], ['metadata'])
    assert.equal(deliveryOf([...before, late, event('applied', second)], 2).state, 'applied')
    assert.equal(deliveryOf([...before, event('failed', { ...second, sha256: 'c' })], 2).state, 'failed')
    const same = { ...former, revision: 3 }
    assert.equal(deliveryOf([...before, event('planned', same), event('applied', same)], 3).state, 'applied')
  })

  it('takes no word of a guest that read the message of former data for one on these', () => {
    const [former, own] = ['a', 'b'].map((sha256) => ({ sha256, wrappedSha256: `${sha256}, wrapped` }))
    const before = [
      event('planned', former),
      event('planned', { revision: 2, ...own }),
      event('offered', { revision: 2 }),
    ]
    const late = event('failed', { revision: 2, sha256: 'a, wrapped' })
    assert.equal(deliveryOf([...before, late], 2).state, 'offered')
    assert.equal(deliveryOf([...before, event('failed', { revision: 2, sha256: 'c' })], 2).state, 'failed')
    const same = [...before, event('planned', { revision: 3, ...former }), { ...late, revision: 3 }]
    assert.equal(deliveryOf(same, 3).state, 'failed')
  })

  it('knows only its own revision, and no state from what the machine does', () => {
    assert.equal(deliveryOf([event('applied', { revision: 2 }), event('state'), event('access')], 1).state, undefined)
  })

  it('says by which ways no guest was seen in time, until one is: a late sign counts', () => {
    const silent = [event('silent', { method: 'metadata' }), event('silent', { method: 'disk' })]
    const late = deliveryOf([...OFFERED, ...silent], 1)
    assert.deepEqual([late.state, late.silent], ['offered', ['metadata', 'disk']])
    const asked = event('access', { method: 'metadata', source: 'metadata' })
    assert.deepEqual(deliveryOf([...OFFERED, ...silent, asked], 1).silent, ['disk'])
    const { servedBy, silent: left } = deliveryOf([...OFFERED, ...silent, event('applied', { method: 'disk' })], 1)
    assert.deepEqual([servedBy, left], ['disk', ['metadata']])
    const single = [event('offered', { method: 'disk' }), event('silent', { method: 'disk' }), event('applied')]
    assert.deepEqual(deliveryOf(single, 1).silent, [], 'it can have come no other way')
  })

  it('counts the time for a sign from the offer, once, and for each revision by itself', () => {
    const offered = event('offered', { method: 'metadata', at: 5 })
    const again = event('offered', { method: 'metadata', at: 9, revision: 2 })
    const ended = [event('silent', { method: 'metadata' }), event('access', { method: 'metadata' })]
    assert.deepEqual([...unseenMethods([offered, again], 1)], [['metadata', 5]])
    assert.deepEqual([...unseenMethods([offered, again, ...ended], 2)], [['metadata', 9]])
    for (const each of ended) assert.equal(unseenMethods([offered, each], 1).size, 0)
    assert.equal(unseenMethods([offered, event('applied')], 1).size, 0, 'there is no other way')
  })

  it('only advances, whatever events come in whatever order', () => {
    const rank = { planned: 0, offered: 1, fetched: 2, applied: 3, failed: 3 } as const
    const anyEvent = fc.record({
      kind: fc.constantFrom(...EVENT_KINDS),
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
