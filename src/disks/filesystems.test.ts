import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { ByteSource } from './byte-source.ts'
import { identify, type FileSystem } from './filesystems.ts'

const START = 4096
const SIZE = 128 * 1024

async function identified(write: (part: Buffer) => void): Promise<FileSystem | undefined> {
  const disk = Buffer.alloc(START + SIZE)
  write(disk.subarray(START))
  const source: ByteSource = {
    sizeBytes: disk.length,
    read: async (offset, sizeBytes) => disk.subarray(offset, offset + sizeBytes),
  }
  return identify(source, { startBytes: START, sizeBytes: SIZE })
}

/** Where the kernel's documentation has the fields, from the partition's begin. */
const AT = {
  blocks: 1028,
  free: 1036,
  inodes: 1040,
  log: 1048,
  magic: 1080,
  state: 1082,
  compatible: 1116,
  incompatible: 1120,
  label: 1144,
  orphan: 1256,
  blocksHigh: 1360,
}

function ext(change: (part: Buffer) => void = () => {}): (part: Buffer) => void {
  return (part) => {
    part.writeUInt32LE(1000, AT.blocks)
    part.writeUInt32LE(300, AT.free)
    part.writeUInt32LE(77, AT.inodes)
    part.writeUInt32LE(2, AT.log)
    part.writeUInt16LE(0xef53, AT.magic)
    part.writeUInt16LE(1, AT.state)
    part.write('cloudimg', AT.label)
    change(part)
  }
}

describe('an ext file system', () => {
  it('is known by its superblock, with its size, room and label', async () => {
    assert.deepEqual(await identified(ext()), {
      kind: 'ext2',
      label: 'cloudimg',
      sizeBytes: 4_096_000,
      freeBytes: 300 * 4096,
      freeInodes: 77,
      blockBytes: 4096,
    })
  })

  it('is ext3 with a journal, ext4 with what only that has, and larger than 2^32 blocks', async () => {
    const kindOf = async (compatible: number, incompatible: number) =>
      (
        await identified(
          ext((part) => {
            part.writeUInt32LE(compatible, AT.compatible)
            part.writeUInt32LE(incompatible, AT.incompatible)
          }),
        )
      )?.kind
    assert.deepEqual([await kindOf(4, 2), await kindOf(4, 0x42), await kindOf(0, 0x200)], ['ext3', 'ext4', 'ext4'])
    const large = await identified(
      ext((part) => {
        part.writeUInt32LE(0x80, AT.incompatible)
        part.writeUInt32LE(2, AT.blocksHigh)
      }),
    )
    assert.ok(large && 'sizeBytes' in large)
    assert.equal(large.sizeBytes, (2 ** 33 + 1000) * 4096)
  })

  for (const [what, change] of Object.entries({
    journal: (part: Buffer) => part.writeUInt32LE(0x44, AT.incompatible),
    errors: (part: Buffer) => part.writeUInt16LE(3, AT.state),
    'not unmounted': (part: Buffer) => part.writeUInt16LE(0, AT.state),
    'deleted while open': (part: Buffer) => part.writeUInt32LE(12, AT.orphan),
  }))
    it(`that was not left clean says so: ${what}`, async () => {
      const found = await identified(ext(change))
      assert.ok(found && 'unclean' in found)
      assert.match(found.unclean ?? '', new RegExp(what))
    })

  it('is none where it is a journal alone', async () => {
    assert.equal(await identified(ext((part) => part.writeUInt32LE(8, AT.incompatible))), undefined)
  })
})

describe('another file system', () => {
  for (const [kind, [offset, magic]] of Object.entries({
    xfs: [0, 'XFSB'],
    ntfs: [3, 'NTFS    '],
    btrfs: [65_600, '_BHRfS_M'],
    lvm: [512, 'LABELONE'],
    luks: [0, 'LUKS\xba\xbe'],
    vfat: [82, 'FAT32   '],
    swap: [4086, 'SWAPSPACE2'],
    iso: [32_769, 'CD001'],
  } as const))
    it(`is known by its magic: ${kind}`, async () => {
      assert.deepEqual(await identified((part) => part.write(magic, offset, 'latin1')), { kind })
    })

  it('is none in zeros, and whatever bytes there are do no harm', async () => {
    assert.equal(await identified(() => {}), undefined)
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1024, maxLength: 1024 }), async (bytes) => {
        await identified(ext((part) => part.set(bytes, 1024)))
      }),
      { numRuns: 100 },
    )
  })
})
