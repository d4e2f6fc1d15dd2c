import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { assertLinear } from '../../test/conformance/linear.ts'
import { detect } from './index.ts'

const TESTDATA = new URL('./testdata/', import.meta.url)

/** What amiconfig did with a file; see testdata/README.md. */
interface Recorded {
  readonly ran: boolean
  readonly complaints: number
  /** Keys by section, or the exception that asking for it raised. */
  readonly keys: Readonly<Record<string, readonly string[] | string>>
}

const RECORDED = JSON.parse(readFileSync(new URL('amiconfig-2017.json', TESTDATA), 'utf8')) as Readonly<
  Record<string, Recorded>
>
const VECTORS = Object.keys(RECORDED)

const read = (vector: string): Buffer => readFileSync(new URL(`user-data/${vector}`, TESTDATA))
const said = (vector: string): string => detect(read(vector)).remarks.join('; ')

describe('INI for amiconfig', () => {
  for (const vector of VECTORS.filter((each) => each !== 'hepix--gzip')) {
    const { ran, complaints, keys } = RECORDED[vector] ?? { ran: false, complaints: 0, keys: {} }

    it(`says of ${vector} whether amiconfig runs its script`, () => {
      const hasScript = read(vector).includes('#!')
      const isRun = !/amiconfig runs (?:no|one only)|takes it for a file/.test(said(vector))
      assert.equal(hasScript && isRun, ran)
    })

    it(`says of ${vector} whether the shell complains`, () => {
      assert.equal(/takes it for a file|takes their lines for commands/.test(said(vector)), complaints > 0)
    })

    it(`says of ${vector} whether amiconfig fails with a section, or finds nothing in it`, () => {
      assert.equal(/fails with capitals/.test(said(vector)), Object.values(keys).includes('KeyError'))
      const isEmpty =
        Object.keys(keys).length === 0 && /^\[(?:amiconfig|cernvm|hepix)\]$/m.test(read(vector).toString())
      assert.equal(/drops a key/.test(said(vector)), isEmpty)
    })
  }

  it('is read by images with amiconfig alone, which unpack no gzip: packed, nothing is found', () => {
    assert.deepEqual(RECORDED['hepix--gzip'], { ran: false, complaints: 0, keys: {} })
    for (const vector of VECTORS) assert.match(said(vector), /only images with amiconfig, .* unpacks no gzip/)
  })

  it('says that passwords are in clear, and only where there are any', () => {
    const remark = /"users" has passwords in clear/
    assert.match(said('hepix'), remark)
    const sections = (users: string): Buffer => Buffer.from(`[cernvm]\nusers=${users}\n`)
    for (const users of ['', 'alice', 'alice:alice', 'alice:alice:', 'alice:alice: , bob:bob'])
      assert.doesNotMatch(detect(sections(users)).remarks.join('; '), remark, users)
    assert.match(detect(sections('alice:alice:,bob:bob:x')).remarks.join('; '), remark)
  })

  it('says that a site context comes by https, save where requiressl is empty or that is what is wished', () => {
    assert.match(said('hepix--site-context'), /only an empty "requiressl="/)
    assert.doesNotMatch(said('hepix--site-context-by-http'), /requiressl/)
    const sections = (value: string): Buffer => Buffer.from(`[hepix]\nrequiressl = ${value}\n`)
    assert.match(detect(sections('no')).remarks.join('; '), /only an empty "requiressl="/)
    assert.doesNotMatch(detect(sections('yes')).remarks.join('; '), /requiressl/)
    assert.doesNotMatch(said('hepix'), /requiressl/)
  })

  it("says which of uCernVM's values need quotes", () => {
    assert.match(said('hepix--not-quoted'), /needs quotes/)
    assert.doesNotMatch(said('hepix'), /needs quotes/)
  })

  it('has a title that tells whether a script stands before it, and one name', () => {
    const titles = ['hepix', 'hepix--ini-alone'].map((vector) => detect(read(vector)).title)
    assert.deepEqual(titles, ['script, then INI for amiconfig', 'INI for amiconfig'])
    for (const vector of VECTORS) assert.equal(detect(read(vector)).name, 'hepix')
  })

  it('takes for an end what ends the shell', () => {
    const remark = /takes their lines for commands/
    const before = (line: string): string => detect(Buffer.from(`#!/bin/sh\n${line}\n[cernvm]\n`)).remarks.join()
    for (const line of ['exit', 'exit 3', 'true; exit 0', 'work || exit', 'exec /usr/bin/work', '  exit 0\n\n# done'])
      assert.doesNotMatch(before(line), remark, line)
    for (const line of ['echo exit', 'exec 2>&1', 'exiting', '# exit', 'fi']) assert.match(before(line), remark, line)
  })

  it('is not made of what begins as another format, nor of sections that amiconfig does not know', () => {
    for (const text of [
      '#cloud-config\nruncmd:\n- |\n  cat <<E\n[cernvm]\nE\n',
      '#include\n[cernvm]\n',
      '[condor]\na=b\n',
      '#!/bin/sh\necho "[cernvm]"\n',
    ])
      assert.notEqual(detect(Buffer.from(text)).name, 'hepix', text)
  })

  it('never says anything of the values, and never throws', () => {
    const secret = 'hunter2'
    const line = fc.constantFrom(
      '#!/bin/sh',
      `#!/bin/${secret}`,
      `exit ${secret}`,
      '[amiconfig]',
      '[CernVM]',
      `[${secret}]`,
      `users=${secret}:${secret}:${secret}`,
      `${secret}=${secret}`,
      ` ${secret}: ${secret}; ${secret}`,
      '[hepix]',
      `requiressl=${secret}`,
      '[ucernvm-begin]',
      '[ucernvm-end]',
      '',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(line, fc.string()), { maxLength: 12 }), (lines) => {
        const { title, remarks } = detect(Buffer.from(['[cernvm]', ...lines].join('\n')))
        assert.equal(title, 'INI for amiconfig')
        assert.ok(!remarks.join().includes(secret))
      }),
    )
  })

  it('is read in time proportional to its size', () => {
    for (const piece of ['#!/bin/sh', ' ', '[', 'x=;', 'exit;', 'a\n']) {
      const workOf = (size: number) => {
        const bytes = Buffer.from(`#!/bin/sh\n${piece.repeat(size)}\n[cernvm]\nusers=${piece.repeat(size)}`)
        return () => detect(bytes)
      }
      assertLinear(workOf, 20_000)
    }
  })
})
