import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import type { FileEntry } from '../../model/files.ts'
import { writeIso } from './write.ts'

const label = 'config-2'
const SECTOR_BYTES = 2048

function sizeOf(files: Record<string, FileEntry>): number {
  return writeIso(new Map(Object.entries(files)), { label }).length / SECTOR_BYTES
}

describe('an ISO 9660 image', () => {
  it('has the same bytes once, however many files have them', () => {
    const bytes = Buffer.alloc(50_000, 'user data ')
    const one = sizeOf({ a: { bytes } })
    assert.equal(sizeOf({ a: { bytes }, b: { bytes }, 'c/d': { bytes: Buffer.from(bytes) } }), one + 2)
    assert.equal(sizeOf({ a: { bytes }, b: { bytes: Buffer.alloc(50_000, 'other data') } }), one + 25)
  })

  it('has no place for an empty file', () => {
    assert.equal(sizeOf({ a: { bytes: Buffer.alloc(0) } }), sizeOf({}))
  })

  it('is as the standard says, byte by byte, at the start of the volume', () => {
    const image = Buffer.from(writeIso(new Map(), { label, date: new Date('2026-03-04T05:06:07.080Z') }))
    const descriptor = image.subarray(16 * SECTOR_BYTES)
    assert.equal(descriptor.toString('latin1', 0, 7), '\x01CD001\x01')
    assert.equal(descriptor.toString('latin1', 40, 72), label.padEnd(32))
    const sectors = image.length / SECTOR_BYTES
    assert.deepEqual([descriptor.readUInt32LE(80), descriptor.readUInt32BE(84)], [sectors, sectors])
    assert.equal(descriptor.toString('hex', 156 + 18, 156 + 25), '7e030405060700')
    assert.equal(descriptor.toString('latin1', 813, 830), '2026030405060708\0')
    assert.equal(image.toString('latin1', 17 * SECTOR_BYTES, 17 * SECTOR_BYTES + 7), '\x02CD001\x01')
    assert.equal(image.toString('latin1', 17 * SECTOR_BYTES + 88, 17 * SECTOR_BYTES + 91), '%/E')
    assert.equal(image.toString('latin1', 18 * SECTOR_BYTES, 18 * SECTOR_BYTES + 7), '\xffCD001\x01')
  })

  it('refuses modes and owners that Rock Ridge cannot write, and names the file', () => {
    const bytes = Buffer.from('x')
    const bad: Record<string, Omit<FileEntry, 'bytes'>> = {
      'mode 65536 is': { mode: 0o200000 },
      'mode -1 is': { mode: -1 },
      'mode 0.5 is': { mode: 0.5 },
      'uid 4294967296 is': { uid: 2 ** 32 },
      'gid NaN is': { gid: Number.NaN },
    }
    for (const [message, more] of Object.entries(bad))
      assert.throws(
        () => writeIso(new Map([['a/b', { bytes, ...more }]]), { label }),
        (error) => isCloudError(error, 'invalid') && error.message.startsWith(`"a/b": ${message}`),
      )
  })

  it('refuses more folders than a path table can number', () => {
    const files = new Map(Array.from({ length: 65_535 }, (_, i) => [`folder-${i}/x`, { bytes: Buffer.alloc(0) }]))
    assert.throws(
      () => writeIso(files, { label }),
      (error) => isCloudError(error, 'too-large') && /65536 folders.*65535/.test(error.message),
    )
  })
})
