import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sampleEvent } from '../../test/conformance/store-samples.ts'
import type { ContextEvent, DeliveryMethod, EventKind } from '../model/events.ts'
import type { PlannedDelivery } from '../model/plan.ts'
import { mayHave } from './former-data.ts'

const way = (method: DeliveryMethod, by?: 'provider'): PlannedDelivery => ({
  method,
  layouts: ['openstack'],
  why: 'test',
  evidence: [],
  ...(by ? { by } : {}),
})
const seen = (kind: EventKind, method: DeliveryMethod, revision = 2): ContextEvent =>
  sampleEvent('i', { kind, method, revision })

const has = (deliveries: readonly PlannedDelivery[], ...events: readonly ContextEvent[]): boolean =>
  mayHave({ revision: 2, plan: { provider: 'p', deliveries, warnings: [] } }, [
    seen('offered', 'disk', 1),
    seen('fetched', 'metadata', 1),
    ...events,
  ])

describe('a guest whose data were replaced', () => {
  it('has them from our metadata server once it fetched them there', () => {
    const ways = [way('metadata'), way('disk')]
    assert.equal(has(ways, seen('planned', 'metadata'), seen('offered', 'metadata'), seen('access', 'metadata')), false)
    assert.equal(has(ways, seen('offered', 'metadata'), seen('fetched', 'metadata')), true)
  })

  it('has them by any other way once they are offered by it', () => {
    assert.equal(has([way('metadata'), way('disk')], seen('offered', 'metadata'), seen('offered', 'disk')), true)
    assert.equal(has([way('metadata', 'provider')], seen('offered', 'metadata')), true)
    assert.equal(has([way('disk')], seen('planned', 'disk')), false)
  })
})

it('a guest with its first data has no former ones', () => {
  assert.equal(mayHave({ revision: 1, plan: { provider: 'p', deliveries: [way('disk')], warnings: [] } }, []), true)
})
