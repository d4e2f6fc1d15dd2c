import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { sha256 } from '../../model/digest.ts'
import { isCloudError } from '../../model/errors.ts'
import { readVfat } from './read.ts'
import { writeVfat } from './write.ts'

const TESTDATA = new URL('testdata/', import.meta.url)

describe('VFAT images that other programs made', () => {
  for (const name of readdirSync(TESTDATA).filter((each) => each.endsWith('.img.gz')))
    it(`are read as they are: ${name}`, () => {
      const image = gunzipSync(readFileSync(new URL(name, TESTDATA)))
      const expected: unknown = JSON.parse(readFileSync(new URL(name.replace('.img.gz', '.json'), TESTDATA), 'utf8'))
      const { label, files } = readVfat(image)
      const found = [...files]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, { bytes }]) => [path, { sizeBytes: bytes.length, sha256: sha256(bytes) }])
      assert.deepEqual({ label, files: Object.fromEntries(found) }, expected)
    })
})

describe('a VFAT image', () => {
  // One file of three clusters, 2 to 4, in a FAT12 whose FAT begins at byte 512 and whose root begins behind two of one sector.
  const image = () => Buffer.from(writeVfat(new Map([['file', { bytes: Buffer.alloc(1100, 'x') }]]), { label: 'x' }))
  const FAT = 512
  const ROOT = 3 * 512
  const [LABEL, PART, SHORT] = [ROOT, ROOT + 32, ROOT + 64]

  const names = (changed: Buffer) => [...readVfat(changed).files.keys()]
  const refused = (changed: Buffer, message: RegExp) =>
    assert.throws(
      () => readVfat(changed),
      (error) => isCloudError(error, 'invalid') && message.test(error.message),
    )

  it('shows the 8.3 name, as Linux does, where the long one is not of this entry', () => {
    const changed = image()
    changed.write('GR\x99E   ', SHORT, 'latin1')
    assert.deepEqual(names(changed), ['GRÖE'])
  })

  it('shows the 8.3 name where a part of the long one is missing', () => {
    const changed = image()
    changed[PART] = 0xe5
    assert.deepEqual(names(changed), ['FILE'])
  })

  it('shows 8.3 names in lower case where their flags say so', () => {
    const changed = image()
    changed[PART] = 0xe5
    changed[SHORT + 12] = 0x08
    assert.deepEqual(names(changed), ['file'])
  })

  it('has the label of its boot sector where its root has none', () => {
    const changed = image()
    changed[LABEL] = 0xe5
    assert.equal(readVfat(changed).label, 'x')
  })

  it('whose file has clusters that do not adjoin is read in their order', () => {
    const changed = image()
    // 2 -> 4 -> 3 -> end: entries 2 and 3 share three bytes, 4 begins the next three.
    changed.set([0x04, 0xf0, 0xff, 0x03, 0x00], FAT + 3)
    changed.fill('y', ROOT + 512 + 512, ROOT + 512 + 1024)
    const [bytes] = [...readVfat(changed).files.values()].map((entry) => Buffer.from(entry.bytes).toString())
    assert.equal(bytes, 'x'.repeat(588) + '\0'.repeat(436) + 'y'.repeat(76))
  })

  it('whose file goes in circles is refused', () => {
    const changed = image()
    changed.set([0x02, 0x20], FAT + 3)
    changed.writeUInt32LE(1_000_000, SHORT + 28)
    refused(changed, /cross or turn in circles/)
  })

  it('whose file is shorter than it says is refused', () => {
    const changed = image()
    changed.writeUInt32LE(5000, SHORT + 28)
    refused(changed, /goes on at cluster 4095/)
  })

  it('whose folder leads back to itself is refused', () => {
    const changed = Buffer.from(writeVfat(new Map([['a/b/c', { bytes: Buffer.from('x') }]]), { label: 'x' }))
    // The entry of "b" in "a", which is cluster 2, points to "a".
    const entry = ROOT + 512 + 3 * 32
    changed.writeUInt16LE(2, entry + 26)
    refused(changed, /cross or turn in circles/)
  })
})
