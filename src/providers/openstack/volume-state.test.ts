import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { readVolume, readVolumes, sizeBytesOf, stateOf, toGib } from './volume-state.ts'

/** All that Cinder has. @see cinder/objects/fields.py: VolumeStatus */
const CINDERS = {
  creating: ['creating', 'downloading', 'managing'],
  online: [
    'available',
    'reserved',
    'attaching',
    'in-use',
    'detaching',
    'extending',
    'retyping',
    'uploading',
    'backing-up',
  ],
  offline: ['maintenance', 'restoring-backup', 'awaiting-transfer'],
  deleting: ['deleting'],
  error: ['error', 'error_deleting', 'error_managing', 'error_restoring', 'error_backing-up', 'error_extending'],
  unknown: ['toString', '__proto__', 'AVAILABLE', '', 'a-new-one'],
}

describe('a volume as Cinder shows it', () => {
  it('has a state of ours for each of Cinder’s, and an unknown one for all else', () => {
    for (const [state, all] of Object.entries(CINDERS))
      for (const status of all) assert.equal(stateOf({ status }), state, status)
  })

  it('has the smallest size in whole GiB that has room for what is asked', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (sizeBytes) => {
        const size = toGib(sizeBytes)
        assert.ok(sizeBytesOf({ size }) >= sizeBytes && sizeBytesOf({ size: size - 1 }) < sizeBytes)
      }),
    )
  })

  it('is refused where it is something else', () => {
    for (const json of [{}, { volume: { id: 'a', status: 'available', size: 1.5 } }, [], null, { volumes: [{}] }])
      for (const read of [() => readVolume(json, 'site: get'), () => readVolumes(json, 'site: list')])
        assert.throws(read, (error) => isCloudError(error, 'provider-failed'))
  })
})
