import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { oneAtATime } from './turns.ts'

describe('turns', () => {
  it('runs tasks of one key one after the other, even after a failure, and other keys beside them', async () => {
    const inTurn = oneAtATime()
    const said: string[] = []
    const task =
      (name: string, fails = false) =>
      async () => {
        said.push(`${name} begins`)
        await turn()
        await turn()
        said.push(`${name} ends`)
        if (fails) throw new Error(name)
        return name
      }
    const outcomes = await Promise.allSettled([
      inTurn('a', task('a1', true)),
      inTurn('a', task('a2')),
      inTurn('b', task('b1')),
    ])
    assert.deepEqual(
      outcomes.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason))),
      ['Error: a1', 'a2', 'b1'],
    )
    assert.ok(said.indexOf('a1 ends') < said.indexOf('a2 begins'))
    assert.ok(said.indexOf('b1 begins') < said.indexOf('a1 ends'))
    assert.equal(await inTurn('a', task('a3')), 'a3')
  })
})
