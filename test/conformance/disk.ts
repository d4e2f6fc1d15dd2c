import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { DISKS, detectDisk, type DiskFormat } from '../../src/disks/index.ts'
import { isCloudError } from '../../src/model/errors.ts'
import type { FileEntry, Files } from '../../src/model/files.ts'
import { fileTrees, hardFiles, smallFile } from './disk-files.ts'

/** One file system under test. */
export interface DiskUnderTest {
  readonly format: DiskFormat
  /** What the file system shows of an entry. */
  readonly carried: (entry: FileEntry) => FileEntry
  readonly labels: { readonly good: readonly string[]; readonly bad: readonly string[] }
  readonly years: { readonly first: number; readonly last: number }
}

const FILE = { bytes: Buffer.from('x') }
const MIB = 1024 ** 2

const BAD_PATHS: Readonly<Record<string, string>> = {
  'an empty path': '',
  'a leading slash': '/etc/passwd',
  'an empty segment': 'a//b',
  'the segment .': 'a/./b',
  'the segment ..': '../b',
  'a NUL': 'a\0b',
  'half a surrogate pair': 'a\ud800',
  'a name of 256 bytes': 'ä'.repeat(128),
  'a path of 4096 bytes': 'abc/'.repeat(1023) + 'abcd',
}

/** What every file system of ours does. */
export function testDisk({ format, carried, labels, years }: DiskUnderTest): void {
  const { write, read } = DISKS[format]
  const label = 'config-2'
  const refuses = (files: Files, code: 'invalid' | 'too-large', message: RegExp) =>
    assert.throws(
      () => write(files, { label }),
      (error) => isCloudError(error, code) && message.test(error.message),
    )

  describe(`a disk: ${format}`, () => {
    it('has the label and every file that was written, and nothing else', () => {
      fc.assert(
        fc.property(fileTrees, fc.constantFrom(...labels.good), (files, label) => {
          assertSame(read(write(files, { label })), { label, files }, carried)
        }),
        { numRuns: 150 },
      )
    })

    it('has all that disks find hard', () => {
      const files = hardFiles()
      assertSame(read(write(files, { label })), { label, files }, carried)
    })

    it('is the same bytes for the same files in any order, at any time', () => {
      fc.assert(
        fc.property(fileTrees, (files) => {
          const turned = new Map([...files].toReversed())
          assert.ok(Buffer.from(write(files, { label })).equals(write(turned, { label })))
        }),
        { numRuns: 50 },
      )
    })

    it('leaves out the listings of folders', () => {
      const files = new Map([
        ['/', FILE],
        ['latest/', FILE],
        ['latest/user-data', FILE],
      ])
      assert.deepEqual([...read(write(files, { label })).files.keys()], ['latest/user-data'])
    })

    it('may be empty', () => {
      assert.deepEqual(read(write(new Map(), { label })), { label, files: new Map() })
    })

    it('is known again', () => {
      assert.equal(detectDisk(write(new Map([['a', FILE]]), { label })), format)
    })

    for (const [what, path] of Object.entries(BAD_PATHS))
      it(`refuses ${what}`, () => refuses(new Map([[path, FILE]]), 'invalid', /^the path "/))

    it('refuses a file where another file needs a folder', () => {
      const files = new Map([
        ['a/b', FILE],
        ['a/b/c', FILE],
      ])
      refuses(files, 'invalid', /^"a\/b" is a file, and a folder/)
    })

    it('refuses what would make an image of over 1 GiB, and names the file', () => {
      // Never touched, so never given memory.
      const files = new Map([
        ['first', { bytes: new Uint8Array(600 * MIB) }],
        ['second', { bytes: new Uint8Array(600 * MIB + 1) }],
      ])
      refuses(files, 'too-large', /^"second" is 629145601 bytes; .* 1073741824/)
    })

    it('takes the labels that guests look for, and refuses what they could not find', () => {
      for (const good of labels.good) assert.equal(read(write(new Map(), { label: good })).label, good)
      for (const bad of labels.bad)
        assert.throws(
          () => write(new Map(), { label: bad }),
          (error) => isCloudError(error, 'invalid'),
          bad,
        )
    })

    it('takes the years that it can write', () => {
      const at = (year: number) => write(new Map(), { label, date: new Date(Date.UTC(year, 6, 1)) })
      assert.ok(!Buffer.from(at(years.first)).equals(at(years.last)))
      for (const year of [years.first - 1, years.last + 1, Number.NaN])
        assert.throws(
          () => at(year),
          (error) => isCloudError(error, 'invalid') && error.message.startsWith('date: '),
        )
    })

    describe('that is hostile', () => {
      const files = new Map<string, FileEntry>([...hardFiles()].filter(([path]) => !/^(many|sizes)\//.test(path)))
      const sound = Buffer.from(write(files, { label }))

      it('is read or refused as invalid when bytes of it are changed, never a crash', () => {
        // Half of the changes go to the first bytes of sectors, where structures are.
        const place = fc.oneof(
          fc.nat(sound.length - 1),
          fc.tuple(fc.nat(sound.length / 512 - 1), fc.nat(64)).map(([sector, byte]) => sector * 512 + byte),
        )
        const change = fc.tuple(place, fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0xff), fc.nat(255)))
        fc.assert(
          fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
            const image = Buffer.from(sound)
            for (const [offset, byte] of changes) image[offset] = byte
            readOrRefuse(image)
          }),
          { numRuns: 1000 },
        )
      })

      it('is refused when any part of it is missing', () => {
        for (let sizeBytes = 0; sizeBytes < sound.length; sizeBytes += 512)
          assert.throws(
            () => read(sound.subarray(0, sizeBytes)),
            (error) => isCloudError(error, 'invalid'),
          )
      })

      it('is refused when it is anything at all', () => {
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 40_000, size: 'max' }), (bytes) => readOrRefuse(bytes)),
          { numRuns: 30 },
        )
      })
    })

    function readOrRefuse(image: Uint8Array): void {
      try {
        read(image)
      } catch (error) {
        assert.ok(isCloudError(error, 'invalid'), String(error instanceof Error ? error.stack : error))
      }
    }
  })

  it(`a disk: ${format}: four small files make a small image`, () => {
    const files = new Map([0, 1, 2, 3].map((seed) => [`file-${seed}`, smallFile(seed)]))
    assert.ok(write(files, { label }).length <= 61_440)
  })
}

function assertSame(
  read: { readonly label: string; readonly files: Files },
  written: { readonly label: string; readonly files: Files },
  carried: (entry: FileEntry) => FileEntry,
): void {
  assert.equal(read.label, written.label)
  assert.deepEqual([...read.files.keys()].toSorted(), [...written.files.keys()].toSorted())
  for (const [path, entry] of written.files) {
    const { bytes, ...attributes } = read.files.get(path) ?? FILE
    const { bytes: expected, ...expectedAttributes } = carried(entry)
    assert.ok(
      Buffer.from(bytes).equals(expected),
      `${path}: ${bytes.length} bytes, not the ${expected.length} expected`,
    )
    assert.deepEqual(attributes, expectedAttributes, path)
  }
}
