import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import type { CloudInitVerdict } from './format.ts'
import { detect } from './index.ts'

const TESTDATA = new URL('./testdata/', import.meta.url)

/** What cloud-init 22.4.2 did with a file; see testdata/README.md. */
interface Recorded {
  readonly programs: number
  readonly noPrograms: number
  readonly config: number
  readonly handlers: number
  readonly addresses: number
  readonly warnings: number
  readonly raised?: string
}

const RECORDED = JSON.parse(readFileSync(new URL('cloud-init-22.4.2.json', TESTDATA), 'utf8')) as Readonly<
  Record<string, Recorded>
>
const VECTORS = readdirSync(new URL('user-data/', TESTDATA))

const read = (vector: string): Buffer => readFileSync(new URL(`user-data/${vector}`, TESTDATA))
const recordedOf = (vector: string): Recorded => {
  const recorded = RECORDED[vector]
  assert.ok(recorded, `${vector} is not recorded: see testdata/README.md`)
  return recorded
}

function verdictOf({ raised, noPrograms, programs, config, handlers, addresses }: Recorded): CloudInitVerdict {
  if (raised !== undefined || noPrograms > 0) return 'fails'
  return programs + config + handlers + addresses > 0 ? 'runs' : 'ignores'
}

describe('detect', () => {
  for (const vector of VECTORS)
    it(`knows what cloud-init makes of ${vector}`, () => {
      const { name, cloudInit } = detect(read(vector))
      assert.equal(name, vector.split('--')[0])
      assert.equal(cloudInit, verdictOf(recordedOf(vector)))
    })

  it('names a proof only for data that cloud-init took whole, without a warning', () => {
    const proven = VECTORS.filter((vector) => detect(read(vector)).provenBy !== undefined)
    assert.ok(proven.length > 20)
    for (const vector of proven) {
      const recorded = recordedOf(vector)
      assert.equal(verdictOf(recorded), 'runs', vector)
      assert.equal(recorded.warnings, 0, vector)
    }
  })

  it('takes the success of scripts for a proof where nothing else is in the data', () => {
    for (const vector of ['script', 'script--gzip', 'multipart--scripts-only', 'multipart--gzip-part'])
      assert.equal(detect(read(vector)).provenBy, 'scripts-user', vector)
    for (const vector of ['cloud-config', 'multipart', 'multipart--make-mime', 'cloud-config-archive'])
      assert.equal(detect(read(vector)).provenBy, 'modules-final', vector)
  })

  it('says why cloud-init will not take the data', () => {
    const reasons: Readonly<Record<string, RegExp>> = {
      'script--blanks-before': /white space before "#!"/,
      'script--not-utf-8': /byte 15 is not UTF-8/,
      'text--byte-order-mark-script': /byte order mark.* script behind it/,
      'text--base64-of-script': /base64 of a script/,
      'text--base64-of-something': /looks like base64/,
      'text--blank-after-hash': /white space after "#"/,
      'text--dashes-before-cloud-config': /"---" before "#cloud-config"/,
      'text--mime-version-too-late': /without "MIME-Version:" in its first 4096 bytes/,
      'cloud-config--tab': /line 3: a tab/,
      'cloud-config--list': /a list at the top/,
      'cloud-config--unquoted-template': /line 2 .* quote a value that begins with \{\{/,
      'binary--gzip-in-gzip': /gzip within gzip/,
      'multipart--blank-line-before-script': /part 1 \(script\): white space before "#!"/,
      'multipart--beyond-ascii-without-base64': /part 1 \(script\): .* not in base64/,
    }
    for (const [vector, reason] of Object.entries(reasons))
      assert.match(detect(read(vector)).remarks.join('; '), reason)
  })

  it('titles containers with what is in them, and packed data as such', () => {
    assert.equal(detect(read('script--gzip')).title, 'script, gzip')
    assert.equal(detect(read('multipart')).title, 'MIME message of script, cloud-config')
    assert.deepEqual(detect(read('multipart')).parts, ['script', 'cloud-config'])
    assert.equal(detect(read('multipart--gzip')).title, 'MIME message of script, gzip')
    const many = Array.from({ length: 9 }, () => '- "#!/bin/sh"\n').join('')
    assert.match(detect(Buffer.from(`#cloud-config-archive\n${many}`)).title, / and 4 more$/)
  })

  it('looks at no more of a bomb than it must', () => {
    const bomb = gzipSync(Buffer.alloc(65 * 1024 * 1024))
    assert.deepEqual(detect(bomb), {
      name: 'binary',
      gzip: true,
      title: 'binary, gzip',
      cloudInit: 'ignores',
      remarks: ['unpacks to more than 64 MiB: not looked into'],
    })
  })

  it('leaves undecided what would take long to decide', () => {
    const long = `#cloud-config\n${'a: 1\n'.repeat(20_000)}`
    const parts = `Content-Type: multipart/mixed; boundary=b\nMIME-Version: 1.0\n\n${'--b\n\n#!/bin/sh\n'.repeat(1000)}`
    for (const data of [long, parts]) {
      const { cloudInit, provenBy, remarks } = detect(Buffer.from(data))
      assert.deepEqual([cloudInit, provenBy, remarks.length], ['runs', undefined, 1])
    }
  })

  it('never throws, and never repeats what is in the data', () => {
    const secret = 'hunter2'
    const line = fc.constantFrom(
      ...VECTORS.map((vector) => read(vector).toString('latin1')),
      `\n${secret}: ${secret}\n`,
    )
    const data = fc.array(fc.oneof(line, fc.string(), fc.constant(secret)), { maxLength: 6 })
    fc.assert(
      fc.property(data, (pieces) => {
        const { title, remarks } = detect(Buffer.from(pieces.join(''), 'latin1'))
        assert.doesNotMatch([title, ...remarks].join('\n'), new RegExp(secret))
      }),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => void detect(bytes)))
  })

  it('finds the same in data and in the same data packed', () => {
    const bytes = fc.oneof(
      fc.constantFrom(...VECTORS.map(read)),
      fc.uint8Array({ maxLength: 512 }),
      fc.string().map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(
        bytes.filter((each) => each[0] !== 0x1f),
        (plain) => {
          const { gzip, title, ...found } = detect(gzipSync(plain))
          assert.equal(gzip, true)
          assert.deepEqual({ ...found, gzip: false, title: title.replace(/, gzip$/, '') }, detect(plain))
        },
      ),
    )
  })
})
