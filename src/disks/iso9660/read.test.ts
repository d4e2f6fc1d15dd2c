import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { sha256 } from '../../model/digest.ts'
import { isCloudError } from '../../model/errors.ts'
import { readIso } from './read.ts'
import { writeIso } from './write.ts'

const TESTDATA = new URL('testdata/', import.meta.url)
const SECTOR_BYTES = 2048
const FILE = { bytes: Buffer.from('x') }

describe('ISO 9660 images that other programs made', () => {
  for (const name of readdirSync(TESTDATA).filter((each) => each.endsWith('.iso.gz')))
    it(`are read as they are: ${name}`, () => {
      const image = gunzipSync(readFileSync(new URL(name, TESTDATA)))
      const expected: unknown = JSON.parse(readFileSync(new URL(name.replace('.iso.gz', '.json'), TESTDATA), 'utf8'))
      const { label, files } = readIso(image)
      const found = [...files]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([path, { bytes, mode }]) => [
          path,
          { sizeBytes: bytes.length, sha256: sha256(bytes), ...(mode === undefined ? {} : { mode: mode.toString(8) }) },
        ])
      assert.deepEqual({ label, files: Object.fromEntries(found) }, expected)
    })
})

describe('an ISO 9660 image that leads astray', () => {
  // Where the root's directory is, and the record of its first child in it.
  function imageAndRecord(): { readonly image: Buffer; readonly record: Buffer; readonly rootSector: number } {
    const image = Buffer.from(
      writeIso(
        new Map([
          ['a/file', FILE],
          ['b/file', FILE],
        ]),
        { label: 'x' },
      ),
    )
    const rootSector = image.readUInt32LE(16 * SECTOR_BYTES + 156 + 2)
    let offset = rootSector * SECTOR_BYTES
    for (let skipped = 0; skipped < 2; skipped++) offset += image[offset] ?? 0
    return { image, record: image.subarray(offset), rootSector }
  }
  const refused = (image: Buffer, message: RegExp) =>
    assert.throws(
      () => readIso(image),
      (error) => isCloudError(error, 'invalid') && message.test(error.message),
    )

  it('in circles is refused', () => {
    const { image, record, rootSector } = imageAndRecord()
    record.writeUInt32LE(rootSector, 2)
    refused(image, /the folder at sector \d+ in two places/)
  })

  it('into folders that lie over each other is refused', () => {
    const { image, record } = imageAndRecord()
    record.writeUInt32LE(0, 2)
    record.writeUInt32LE(image.length, 10)
    refused(image, /lie over each other/)
  })

  it('beyond its end is refused', () => {
    const { image, record } = imageAndRecord()
    record.writeUInt32LE(0x7fffffff, 2)
    refused(image, /a folder lies at bytes .* but the image has \d+: is it cut short\?/)
  })

  it('from one continuation to itself is refused', () => {
    const { image, rootSector } = imageAndRecord()
    const root = image.subarray(rootSector * SECTOR_BYTES)
    const entry = root.indexOf('CE', 'latin1')
    const continuation = image.subarray(root.readUInt32LE(entry + 4) * SECTOR_BYTES)
    root.copy(continuation, 0, entry, entry + 28)
    refused(image, /lie over each other/)
  })
})
