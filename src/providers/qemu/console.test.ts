import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { readConsole } from './console.ts'

describe('console file', () => {
  let path = ''
  before(async () => (path = join(await mkdtemp(join(tmpdir(), 'bellhop-console-')), 'console.log')))
  after(() => rm(join(path, '..'), { recursive: true }))

  it('read piece by piece as it grows gives the text that was written', async () => {
    const pieces = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(40), async (written, cut) => {
        const bytes = Buffer.from(written.join('\r\n'), 'utf8')
        const early = Math.min(cut, bytes.length)
        await writeFile(path, bytes.subarray(0, early))
        const first = await readConsole(path, 0)
        assert.ok(first.next <= early && early - first.next <= 3)
        await appendFile(path, bytes.subarray(early))
        const second = await readConsole(path, first.next)
        assert.equal(first.text + second.text, bytes.toString('utf8'))
        assert.equal(second.next, bytes.length)
      }),
      { numRuns: 100 },
    )
  })

  it('shows bytes that are no UTF-8 as such and goes on behind them', async () => {
    await writeFile(path, Buffer.from([0x61, 0xff, 0xc3, 0x62, 0x80]))
    assert.deepEqual(await readConsole(path, 0), { text: 'a\ufffd\ufffdb\ufffd', next: 5 })
  })

  it('has nothing to say behind its end, or before it is there', async () => {
    assert.deepEqual(await readConsole(`${path}.gone`, 0), { text: '', next: 0 })
    await writeFile(path, 'abc')
    assert.deepEqual(await readConsole(path, 3), { text: '', next: 3 })
  })
})
