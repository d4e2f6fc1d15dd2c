import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { whichWebhook } from './webhook-which.ts'

const [ONE, TWO, THREE] = ['aaaa-1', 'aaaa-2', 'bbbb-3'].map((id) => ({ id }))
const ALL = [ONE, TWO, THREE].filter((each) => each !== undefined)

test('a webhook is found by its id, or by a beginning of it that no other has', () => {
  for (const [given, found] of [
    ['aaaa-1', ONE],
    ['AAAA-2', TWO],
    ['b', THREE],
  ] as const)
    assert.equal(whichWebhook(ALL, given), found, given)
})

test('what none begins with, and what several do, is refused', () => {
  for (const given of ['c', 'aaaa-11', ''])
    assert.throws(
      () => whichWebhook(ALL, given),
      (error) => isCloudError(error, 'not-found'),
      given,
    )
  assert.throws(
    () => whichWebhook(ALL, 'aa'),
    (error) => isCloudError(error, 'conflict') && error.message.includes('"aa" is 2 webhooks: aaaa-1, aaaa-2;'),
  )
})
