import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { writeCpio, type CpioEntry } from './cpio.ts'

const strict = { noNullPrototype: true }
const path = fc.stringMatching(/^[a-zé./_-]{1,40}$/).filter((text) => text !== 'TRAILER!!!')
const entry: fc.Arbitrary<CpioEntry> = fc.oneof(
  fc.record({ path, kind: fc.constant('folder' as const) }, strict),
  fc.record({ path, kind: fc.constant('link' as const), target: path }, strict),
  fc.record(
    { path, kind: fc.constant('file' as const), bytes: fc.uint8Array({ maxLength: 70 }), mode: fc.nat(0o777) },
    strict,
  ),
)

describe('cpio archive', () => {
  it('gives back what was put in, in order', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
        assert.deepEqual(
          readCpio(writeCpio(entries)),
          entries.map((each) => (each.kind === 'file' ? { ...each, bytes: Buffer.from(each.bytes) } : each)),
        )
      }),
      { numRuns: 150 },
    )
  })

  it('is, to the byte, what GNU cpio writes for the same members', () => {
    const written = writeCpio([
      { path: 'd', kind: 'folder' },
      { path: 'd/a', kind: 'file', bytes: Buffer.from('hi\n'), mode: 0o640 },
      { path: 'l', kind: 'link', target: 'd/a' },
    ])
    const vector = readFileSync(new URL('testdata/three-members.cpio', import.meta.url))
    assert.deepEqual(Buffer.from(written), vector.subarray(0, written.byteLength))
    assert.ok(vector.subarray(written.byteLength).every((byte) => byte === 0))
  })
})

/** Reads as the kernel does: sizes from the header, each name and each content padded to four bytes. */
function readCpio(archive: Uint8Array): readonly CpioEntry[] {
  const bytes = Buffer.from(archive)
  const found: CpioEntry[] = []
  for (let at = 0; ;) {
    const number = (index: number) => parseInt(bytes.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16)
    assert.equal(bytes.toString('latin1', at, at + 6), '070701')
    const [mode, size, nameSize] = [number(1), number(6), number(11)]
    const name = bytes.toString('utf8', at + 110, at + 110 + nameSize - 1)
    assert.equal(bytes[at + 110 + nameSize - 1], 0)
    const contentsAt = align(at + 110 + nameSize)
    const contents = bytes.subarray(contentsAt, contentsAt + size)
    if (name === 'TRAILER!!!') return found
    if (mode >> 12 === 0o04) found.push({ path: name, kind: 'folder' })
    else if (mode >> 12 === 0o12) found.push({ path: name, kind: 'link', target: contents.toString('utf8') })
    else found.push({ path: name, kind: 'file', bytes: Buffer.from(contents), mode: mode & 0o777 })
    at = align(contentsAt + size)
  }
}

function align(offset: number): number {
  return Math.ceil(offset / 4) * 4
}
