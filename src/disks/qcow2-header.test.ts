import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { readQcow2Header } from './qcow2-header.ts'

function header(change: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = Buffer.alloc(512)
  bytes.write('QFI\xfb', 'latin1')
  bytes.writeUInt32BE(3, 4)
  bytes.writeBigUInt64BE(5_000_000_000n, 24)
  change(bytes)
  return bytes
}

const PLAIN = {
  virtualBytes: 5_000_000_000,
  hasBackingFile: false,
  hasDataFile: false,
  isEncrypted: false,
  isUnclean: false,
  snapshots: 0,
}

describe('a qcow2 header', () => {
  it('tells the size, and that the image needs nothing else', () => {
    assert.deepEqual(readQcow2Header(header()), PLAIN)
  })

  for (const [what, change, wanted] of [
    ['a backing file', (bytes: Buffer) => bytes.writeBigUInt64BE(0x200n, 8), { hasBackingFile: true }],
    ['a data file', (bytes: Buffer) => bytes.writeBigUInt64BE(4n, 72), { hasDataFile: true }],
    ['encryption', (bytes: Buffer) => bytes.writeUInt32BE(2, 32), { isEncrypted: true }],
    ['that it was not closed', (bytes: Buffer) => bytes.writeBigUInt64BE(1n, 72), { isUnclean: true }],
    ['damage', (bytes: Buffer) => bytes.writeBigUInt64BE(2n, 72), { isUnclean: true }],
    ['snapshots', (bytes: Buffer) => bytes.writeUInt32BE(3, 60), { snapshots: 3 }],
  ] as const)
    it(`tells of ${what}`, () => {
      assert.deepEqual(readQcow2Header(header(change)), { ...PLAIN, ...wanted })
    })

  it('has no features in version 2, whose data begin there', () => {
    const old = header((bytes) => {
      bytes.writeUInt32BE(2, 4)
      bytes.fill(0xff, 72)
    })
    assert.deepEqual(readQcow2Header(old), PLAIN)
  })

  it('is none in other bytes, in version 1 or 4, and in too few bytes', () => {
    const others = [
      Buffer.alloc(512),
      header((bytes) => bytes.writeUInt32BE(1, 4)),
      header((bytes) => bytes.writeUInt32BE(4, 4)),
      header().subarray(0, 50),
    ]
    for (const bytes of others) assert.equal(readQcow2Header(bytes), undefined)
  })
})
