import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { fileTrees, hardFiles } from '../../../test/conformance/disk-files.ts'
import { isCloudError } from '../../model/errors.ts'
import type { Files } from '../../model/files.ts'
import { readVfat } from './read.ts'
import { writeVfat } from './write.ts'
import type { FatType } from './fat.ts'

const label = 'config-2'
const MIB = 1024 ** 2
const EMPTY = { bytes: Buffer.alloc(0) }

function typeOf(image: Uint8Array): string {
  const boot = Buffer.from(image.subarray(0, 512))
  return (boot.readUInt16LE(22) === 0 ? boot.toString('latin1', 82, 90) : boot.toString('latin1', 54, 62)).trim()
}

function assertReadBack(image: Uint8Array, files: Files): void {
  const back = readVfat(image).files
  assert.deepEqual([...back.keys()].toSorted(), [...files.keys()].toSorted())
  for (const [path, { bytes }] of files)
    assert.ok(Buffer.from(bytes).equals(back.get(path)?.bytes ?? EMPTY.bytes), path)
}

describe('a VFAT image', () => {
  const types: readonly { readonly sizeMiB: number; readonly type: FatType }[] = [
    { sizeMiB: 1, type: 'FAT12' },
    { sizeMiB: 15, type: 'FAT12' },
    { sizeMiB: 17, type: 'FAT16' },
    { sizeMiB: 65, type: 'FAT16' },
  ]
  for (const { sizeMiB, type } of types)
    it(`of ${sizeMiB} MiB is ${type}`, () => {
      const files = new Map([['large', { bytes: Buffer.alloc(sizeMiB * MIB, 'large ') }]])
      const image = writeVfat(files, { label })
      assert.equal(typeOf(image), type)
      assertReadBack(image, files)
    })

  for (const type of ['FAT16', 'FAT32'] as const)
    it(`is ${type} where that is asked for`, () => {
      fc.assert(
        fc.property(fileTrees, (files) => {
          const image = writeVfat(files, { label, type })
          assert.equal(typeOf(image), type)
          assertReadBack(image, files)
        }),
        { numRuns: type === 'FAT16' ? 20 : 5, examples: [[hardFiles()]] },
      )
    })

  it('is refused where the type that was asked for cannot hold it', () => {
    assert.throws(
      () => writeVfat(new Map([['large', { bytes: new Uint8Array(17 * MIB) }]]), { label, type: 'FAT12' }),
      (error) => isCloudError(error, 'too-large') && error.message.includes('FAT12'),
    )
  })

  it('keeps sixteen clusters away from where the types change', () => {
    for (let clusters = 4030; clusters < 4100; clusters++) {
      const image = writeVfat(new Map([['x', { bytes: new Uint8Array(clusters * 512) }]]), { label })
      const boot = Buffer.from(image.subarray(0, 512))
      const sectors = boot.readUInt16LE(19) - 1 - 2 * boot.readUInt16LE(22) - boot.readUInt16LE(17) / 16
      const has = Math.floor(sectors / (boot[13] ?? 1))
      assert.ok(has <= 4068 && has * (boot[13] ?? 1) >= clusters, `${has} clusters for ${clusters} sectors`)
    }
  })

  it('has room in its root for as many files as it needs', () => {
    const files = new Map(Array.from({ length: 5000 }, (_, i) => [`a-file-with-number-${i}`, EMPTY]))
    const image = writeVfat(files, { label })
    assert.equal(typeOf(image), 'FAT12')
    assertReadBack(image, files)
  })

  it('refuses a folder of more entries than VFAT has, and names it', () => {
    const files = new Map(Array.from({ length: 17_000 }, (_, i) => [`in/${'x'.repeat(40)}${i}`, EMPTY]))
    assert.throws(
      () => writeVfat(files, { label }),
      (error) => isCloudError(error, 'too-large') && /"in" takes 85002 .* 65536/.test(error.message),
    )
  })
})
