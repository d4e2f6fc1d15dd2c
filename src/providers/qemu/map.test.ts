import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { fromStatus, SIZES, toSize, toSlug } from './map.ts'

describe('QEMU map', () => {
  it("has QEMU's states in our words, and takes one that it does not know as unknown", () => {
    const states = ['running', 'paused', 'prelaunch', 'shutdown', 'guest-panicked', 'brand-new']
    assert.deepEqual(
      states.map((status) => fromStatus({ status, running: status === 'running' }).state),
      ['active', 'suspended', 'creating', 'inactive', 'error', 'unknown'],
    )
    for (const odd of [undefined, null, 17, {}, { status: 7 }, { status: 'constructor' }])
      assert.equal(fromStatus(odd).state, 'unknown')
    assert.match(fromStatus({ status: 'io-error' }).reason ?? '', /io-error/)
  })

  it('names sizes by their id', () => {
    assert.deepEqual(toSize('qemu', { id: 'small', cores: 1, memoryMiB: 1024, diskGiB: 10 }), {
      name: 'qemu-small',
      provider: 'qemu',
      remoteId: 'small',
      title: 'small',
      cores: 1,
      memoryMiB: 1024,
      diskGiB: 10,
    })
    assert.equal(new Set(SIZES.map(({ id }) => id)).size, SIZES.length)
  })

  it('makes a name of any text', () => {
    assert.equal(toSlug('Debian 12 (bookworm).qcow2'), 'debian-12-bookworm-qcow2')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.match(toSlug(text), /^[a-z0-9]+(-[a-z0-9]+)*$/)),
    )
  })
})
