import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import type { ByteSource } from './byte-source.ts'
import { readPartitions } from './partitions.ts'

const MIB = 1024 ** 2
const LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4'

function sourceOf(bytes: Buffer): ByteSource {
  return {
    sizeBytes: bytes.length,
    read: async (offset, sizeBytes) => Buffer.from(bytes.subarray(offset, offset + sizeBytes)),
  }
}

type MbrEntry = readonly [type: number, first: number, sectors: number]

function putMbr(disk: Buffer, at: number, entries: readonly MbrEntry[]): void {
  for (const [index, [type, first, sectors]] of entries.entries()) {
    const entry = at + 446 + 16 * index
    disk.writeUInt8(type, entry + 4)
    disk.writeUInt32LE(first, entry + 8)
    disk.writeUInt32LE(sectors, entry + 12)
  }
  disk.writeUInt16BE(0x55aa, at + 510)
}

function mbrDisk(entries: readonly MbrEntry[], sizeBytes = 16 * MIB): Buffer {
  const disk = Buffer.alloc(sizeBytes)
  putMbr(disk, 0, entries)
  return disk
}

interface GptPartition {
  readonly first: number
  readonly last: number
  readonly name?: string
}

/** As UEFI has it: a table after the first sector, its copy at the end. */
function gptDisk(partitions: readonly GptPartition[], sector = 512, sizeBytes = 16 * MIB): Buffer {
  const disk = mbrDisk([[0xee, 1, 0xffff_ffff]], sizeBytes)
  const entries = Buffer.alloc(128 * 128)
  for (const [index, { first, last, name = '' }] of partitions.entries()) {
    const at = index * 128
    // The first three fields of a GUID are little-endian.
    Buffer.from('af3dc60f838472478e793d69d8477de4', 'hex').copy(entries, at)
    entries.writeBigUInt64LE(BigInt(first), at + 32)
    entries.writeBigUInt64LE(BigInt(last), at + 40)
    entries.write(name, at + 56, 72, 'utf16le')
  }
  const end = sizeBytes / sector - 1
  for (const [own, table] of [
    [1, 2],
    [end, end - Math.ceil(entries.length / sector)],
  ] as const) {
    entries.copy(disk, table * sector)
    const header = disk.subarray(own * sector, own * sector + 92)
    header.write('EFI PART')
    header.writeUInt32LE(0x1_0000, 8)
    header.writeUInt32LE(92, 12)
    header.writeBigUInt64LE(BigInt(own), 24)
    header.writeBigUInt64LE(BigInt(table), 72)
    header.writeUInt32LE(128, 80)
    header.writeUInt32LE(128, 84)
    header.writeUInt32LE(crc32(entries), 88)
    header.writeUInt32LE(crc32(header), 16)
  }
  return disk
}

const invalid = (words: RegExp) => (error: unknown) => isCloudError(error, 'invalid') && words.test(error.message)

describe('partitions of a GPT', () => {
  const PARTS = [
    { first: 2048, last: 4095, name: 'boot' },
    { first: 4096, last: 30_000, name: 'größer' },
  ]
  const WANTED = [
    { number: 1, startBytes: MIB, sizeBytes: MIB, type: LINUX, name: 'boot' },
    { number: 2, startBytes: 2 * MIB, sizeBytes: 25_905 * 512, type: LINUX, name: 'größer' },
  ]

  it('are read with their names', async () => {
    assert.deepEqual(await readPartitions(sourceOf(gptDisk(PARTS))), { kind: 'gpt', partitions: WANTED, remarks: [] })
  })

  it('are read on a disk with sectors of 4096 bytes', async () => {
    const { partitions } = await readPartitions(sourceOf(gptDisk([{ first: 256, last: 511 }], 4096)))
    assert.deepEqual(partitions, [{ number: 1, startBytes: MIB, sizeBytes: MIB, type: LINUX }])
  })

  for (const [what, at] of [
    ['header', 512 + 60],
    ['entries', 1024 + 40],
  ] as const)
    it(`are read from the copy at the end, with a remark, where the ${what} are damaged`, async () => {
      const disk = gptDisk(PARTS)
      disk.writeUInt8(disk.readUInt8(at) ^ 0xff, at)
      const { partitions, remarks } = await readPartitions(sourceOf(disk))
      assert.deepEqual(partitions, WANTED)
      assert.match(remarks.join(), /the table has .* a wrong checksum/)
    })

  it('are read where the disk has grown since, and the copy is no longer at its end', async () => {
    const disk = Buffer.concat([gptDisk(PARTS), Buffer.alloc(4 * MIB)])
    assert.deepEqual((await readPartitions(sourceOf(disk))).partitions, WANTED)
  })

  it('are refused where neither the table nor its copy is whole', async () => {
    const disk = gptDisk(PARTS)
    for (const at of [512 + 60, disk.length - 512 + 60]) disk.writeUInt8(disk.readUInt8(at) ^ 0xff, at)
    await assert.rejects(readPartitions(sourceOf(disk)), invalid(/the table has a header .*; its copy at the end has/))
    await assert.rejects(readPartitions(sourceOf(mbrDisk([[0xee, 1, 99]]))), invalid(/but there is none/))
  })

  it('are refused where one ends before it begins, lies outside of the image, or overlaps another', async () => {
    await assert.rejects(readPartitions(sourceOf(gptDisk([{ first: 9, last: 7 }]))), invalid(/impossible partition 1/))
    await assert.rejects(readPartitions(sourceOf(gptDisk([{ first: 9, last: 99_999 }]))), invalid(/cut short/))
    const overlapping = gptDisk([PARTS[1] ?? assert.fail(), { first: 30_000, last: 30_001 }])
    await assert.rejects(readPartitions(sourceOf(overlapping)), invalid(/1 and 2 overlap/))
  })
})

describe('partitions of an MBR', () => {
  it('are read, the logical ones from 5 on, each counted from where its entry stands', async () => {
    const disk = mbrDisk([
      [0x83, 2048, 2048],
      [0x05, 8192, 16_384],
      [0, 0, 0],
      [0x82, 4096, 100],
    ])
    putMbr(disk, 8192 * 512, [
      [0x83, 63, 1000],
      [0x05, 4096, 2000],
    ])
    putMbr(disk, (8192 + 4096) * 512, [[0x8e, 63, 500]])
    const { kind, partitions } = await readPartitions(sourceOf(disk))
    assert.equal(kind, 'mbr')
    assert.deepEqual(
      partitions.map(({ number, startBytes, sizeBytes, type }) => [number, startBytes / 512, sizeBytes / 512, type]),
      [
        [1, 2048, 2048, '0x83'],
        [4, 4096, 100, '0x82'],
        [5, 8192 + 63, 1000, '0x83'],
        [6, 8192 + 4096 + 63, 500, '0x8e'],
      ],
    )
  })

  it('are refused where the logical ones go in a circle, or their chain breaks off', async () => {
    const disk = mbrDisk([[0x0f, 8192, 16_384]])
    await assert.rejects(readPartitions(sourceOf(disk)), invalid(/broken at sector 8192/))
    putMbr(disk, 8192 * 512, [
      [0, 0, 0],
      [0x05, 0, 2000],
    ])
    await assert.rejects(readPartitions(sourceOf(disk)), invalid(/circle/))
  })

  it('are none in a boot sector with code, in zeros, and in an image of a few bytes', async () => {
    const boot = mbrDisk([[0x83, 1, 1]])
    boot.writeUInt8(0x33, 446)
    for (const disk of [boot, mbrDisk([]), Buffer.alloc(2 * MIB), Buffer.alloc(0), Buffer.from('x')])
      assert.deepEqual(await readPartitions(sourceOf(disk)), { kind: 'none', partitions: [], remarks: [] })
  })
})

describe('whatever stands in an image', () => {
  const disks = {
    gpt: gptDisk([{ first: 2048, last: 4095 }]),
    mbr: mbrDisk([
      [0x05, 1, 20],
      [0x83, 100, 100],
    ]),
  }
  for (const [kind, sound] of Object.entries(disks))
    it(`is read or refused, and lies in the image: damaged ${kind}`, async () => {
      const change = fc.tuple(fc.nat({ max: 4096 }), fc.nat({ max: 255 }))
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
          const disk = Buffer.from(sound)
          for (const [at, value] of changes) disk.writeUInt8(value, at)
          try {
            for (const { startBytes, sizeBytes } of (await readPartitions(sourceOf(disk))).partitions)
              assert.ok(startBytes >= 0 && sizeBytes > 0 && startBytes + sizeBytes <= disk.length)
          } catch (error) {
            assert.ok(isCloudError(error, 'invalid'), String(error))
          }
        }),
        { numRuns: 150 },
      )
    })
})
