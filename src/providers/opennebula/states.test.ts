import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHeld, phaseOf, stateOf } from './states.ts'

describe('the state of a VM', () => {
  it('is told by STATE, and by LCM_STATE alone where it is active', () => {
    for (const [state, lcmState, ours] of [
      [0, 0, 'creating'],
      [1, 0, 'creating'],
      [2, 0, 'inactive'],
      [3, 2, 'creating'],
      [3, 3, 'active'],
      [3, 17, 'active'],
      [3, 66, 'active'],
      [3, 16, 'unknown'],
      [3, 36, 'error'],
      [3, 64, 'inactive'],
      [3, 23, 'deleting'],
      [4, 0, 'suspended'],
      [5, 3, 'suspended'],
      [6, 3, 'deleted'],
      [7, 0, 'error'],
      [8, 36, 'inactive'],
      [9, 0, 'inactive'],
      [10, 0, 'creating'],
      [11, 0, 'error'],
    ] as const)
      assert.equal(stateOf({ state, lcmState }), ours, `${state}/${lcmState}`)
  })

  it('is what it was while it is under way', () => {
    for (const [lcmState, phase, ours] of [
      [18, 'stopping', 'active'],
      [20, 'starting', 'inactive'],
      [6, 'suspending', 'active'],
      [21, 'resuming', 'suspended'],
    ] as const)
      assert.deepEqual([phaseOf({ state: 3, lcmState }), stateOf({ state: 3, lcmState })], [phase, ours])
  })

  it('is unknown for numbers of a later OpenNebula', () => {
    for (const [state, lcmState] of [
      [3, 71],
      [3, 999],
      [12, 0],
      [-1, 0],
    ] as const)
      assert.equal(stateOf({ state, lcmState }), 'unknown')
  })

  it('shows whether it waits to be released', () => {
    assert.deepEqual(
      [2, 8].map((state) => isHeld({ state, lcmState: 0 })),
      [true, false],
    )
  })
})
