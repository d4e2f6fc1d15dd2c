import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { detectDisk, DISKS } from './index.ts'

describe('detectDisk', () => {
  it('knows no disk in anything else', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(100_000), Buffer.from('#cloud-config\n')])
      assert.equal(detectDisk(bytes), undefined)
  })

  it('takes an ISO that has a boot sector for an ISO', () => {
    const image = Buffer.from(DISKS.iso.write(new Map(), { label: 'x' }))
    image.set(DISKS.vfat.write(new Map(), { label: 'x' }).subarray(0, 512))
    assert.equal(detectDisk(image), 'iso')
  })
})
