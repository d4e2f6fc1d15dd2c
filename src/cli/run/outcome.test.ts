import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContextEvent } from '../../model/events.ts'
import { outcomeOf, SILENCE_MS, stoppedOutcome, timeoutOutcome } from './outcome.ts'

const AT = 1_000_000
const event = (kind: ContextEvent['kind'], more: Partial<ContextEvent> = {}): ContextEvent => {
  return { at: AT, instanceId: 'i', revision: 1, kind, source: 'service', ...more }
}
const OFFERED = [event('planned', { method: 'metadata' }), event('offered', { method: 'metadata' })]
const FETCHED = event('fetched', { method: 'metadata', source: 'metadata', path: '/openstack/latest/user_data' })
const FINISHED = event('finished', { source: 'console', detail: 'not a script' })

const reasonAt = (ms: number, ...more: readonly ContextEvent[]): string | undefined => {
  const outcome = outcomeOf([...OFFERED, ...more], 1, AT + ms)
  return outcome && `${outcome.exitReason} ${outcome.exitCode}`
}

describe('outcome of a run', () => {
  it('is open until a guest has shown what becomes of the data', () => {
    assert.equal(reasonAt(0), undefined)
    assert.equal(reasonAt(SILENCE_MS, event('access', { source: 'metadata' })), undefined)
    assert.equal(reasonAt(1000, FETCHED), undefined)
  })

  it('is 0 once the guest applied them, and 8 once it failed', () => {
    assert.equal(reasonAt(0, FETCHED, event('applied', { source: 'cloud-init' })), 'applied 0')
    assert.equal(reasonAt(0, FETCHED, event('failed', { source: 'demo-guest', exitCode: 3 })), 'failed 8')
    assert.match(outcomeOf([event('failed', { exitCode: 3 })], 1, AT)?.message ?? '', /exit code 3/)
  })

  it('is 0 where an image that cannot say more fetched them: at once it is not known that it cannot', () => {
    assert.equal(reasonAt(SILENCE_MS - 1, FETCHED), undefined)
    assert.equal(reasonAt(SILENCE_MS, FETCHED), 'fetched 0')
    assert.equal(reasonAt(SILENCE_MS, FETCHED, event('state', { source: 'cloud-init' })), undefined)
  })

  it('waits for a last word after the guest finished, for the proof may come after it', () => {
    assert.equal(reasonAt(0, FETCHED, FINISHED), undefined)
    assert.equal(reasonAt(10_000, FETCHED, FINISHED), 'fetched 0')
    assert.equal(reasonAt(10_000, FINISHED), 'failed 8')
    const called = event('finished', { source: 'cloud-init', hostKeys: ['ssh-ed25519 AAAA'] })
    assert.equal(reasonAt(29_999, FETCHED, called), undefined)
    assert.equal(reasonAt(30_000, FETCHED, called), 'fetched 0')
    assert.equal(reasonAt(10_000, FETCHED, called, FINISHED), 'fetched 0')
  })

  it('is 7 at the time-out, and says how far it came', () => {
    const message = (...more: readonly ContextEvent[]): string => {
      const { exitCode, message: said } = timeoutOutcome([...OFFERED, ...more], 1, 2000)
      return `${exitCode} ${said}`
    }
    assert.match(message(), /^7 time-out after 2 s: .*offered by metadata, but the guest was not seen to ask/)
    assert.match(
      message(event('access', { path: '/openstack' })),
      /^7 .*asked .*\/openstack\), but not for the user data/,
    )
    const spoken = event('state', { source: 'cloud-init' })
    assert.match(message(FETCHED, spoken), /^7 .*fetched from \/openstack\/latest\/user_data, but .* not said/)
    assert.match(message(FETCHED), /^0 /)
  })

  it('is 8 where the machine stopped before', () => {
    assert.equal(stoppedOutcome(OFFERED, 1).exitCode, 8)
  })

  it('goes by this revision alone', () => {
    assert.equal(outcomeOf([event('applied', { revision: 1 })], 2, AT), undefined)
  })
})
