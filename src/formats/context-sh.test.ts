import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { parseContextSh, renderContextSh } from './context-sh.ts'

const key = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/),
  fc.constantFrom('__proto__', 'constructor', '_'),
)
const hard = fc.constantFrom(
  "'",
  '"',
  '\\',
  '\n',
  '\r\n',
  '$HOME',
  '`id`',
  '${X}',
  '#',
  ' ',
  '\t',
  "'\\''",
  '=',
  '😀',
  '',
)
const value = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '')),
  fc.array(hard, { maxLength: 8 }).map((parts) => parts.join('')),
)
const variables = fc.array(fc.tuple(key, value), { maxLength: 8 }).map((entries) => new Map(entries))

const VECTORS = new URL('../../test/opennebula/testdata/', import.meta.url)

function refusal(text: string): string {
  let message = ''
  assert.throws(
    () => parseContextSh(text),
    (error) => {
      message = isCloudError(error, 'invalid') ? error.message : ''
      return message !== ''
    },
  )
  return message
}

describe('a context.sh', () => {
  it('reads as it was written, whatever the values', () => {
    fc.assert(
      fc.property(variables, (variables) => {
        assert.deepEqual(new Map(parseContextSh(renderContextSh(variables))), variables)
      }),
      { numRuns: 500 },
    )
  })

  it('is the same bytes in whatever order the variables come', () => {
    fc.assert(
      fc.property(variables, (variables) => {
        const reversed = new Map([...variables].toReversed())
        assert.equal(renderContextSh(variables), renderContextSh(reversed))
      }),
    )
  })

  it('has its keys in the order of bytes, and ends with a line break', () => {
    const text = renderContextSh(new Map(['b', 'B1', 'B_', '_', 'A'].map((key) => [key, ''])))
    assert.deepEqual(text.split('\n').slice(1), ["A=''", "B1=''", "B_=''", "_=''", "b=''", ''])
  })

  for (const [what, key, value] of [
    ['a key with a hyphen', 'my-key', 'x'],
    ['a key that begins with a digit', '1A', 'x'],
    ['a key with a line break', 'A\n', 'x'],
    ['no key', '', 'x'],
    ['a NUL', 'A', 'swordfish\0'],
    ['half a surrogate pair', 'A', 'swordfish\ud800'],
  ] as const)
    it(`is not written with ${what}`, () => {
      assert.throws(
        () => renderContextSh(new Map([[key, value]])),
        (error) => isCloudError(error, 'invalid') && !error.message.includes('swordfish'),
      )
    })

  for (const [what, text, expected] of [
    ["OpenNebula's quoting since 4.0", "MOTD='a $HOME \"q\" '\\''s'\\'' \\\nline2'\n", 'a $HOME "q" \'s\' \\\nline2'],
    ['the quoting before', 'MOTD="a \\"b\\" \\$HOME \\`id\\` \\\\ \\n c\nline2"\n', 'a "b" $HOME `id` \\ \\n c\nline2'],
    ['quotes within the quoting before', 'MOTD="say "hi" now"\n', 'say hi now'],
    ['bare words', 'MOTD=a/b:c,d+e@f%g=h\n', 'a/b:c,d+e@f%g=h'],
    ['no value', 'MOTD=\n', ''],
    ['a comment behind', "MOTD='x' # not this\n", 'x'],
    ['a # in a word', 'MOTD=x"#"y\n', 'x#y'],
    ['a line that goes on', 'MOTD=a\\\nb\\ c\n', 'ab c'],
    ['no line break at the end', "MOTD='x'", 'x'],
    ['blank lines, comments and blanks before', "\n  # MOTD='no'\n\t\n \tMOTD='x' \n\n", 'x'],
    ['the last of two values', "MOTD='x'\nMOTD='y'\n", 'y'],
  ] as const)
    it(`is read with ${what}`, () => {
      assert.deepEqual([...parseContextSh(text)], [['MOTD', expected]])
    })

  for (const [what, text, line] of [
    ['a command', "A='1'\nswordfish now\n", 2],
    ['a command after a value', "A='1' swordfish\n", 1],
    ['a command after a semicolon', "A='1';swordfish\n", 1],
    ['a command in the background', "A='1'& swordfish\n", 1],
    ['a substitution', "A='1'\nB=$(swordfish)\n", 2],
    ['a substitution in double quotes', 'A="$(swordfish)"\n', 1],
    ['backticks in double quotes', 'A="`swordfish`"\n', 1],
    ['a variable in double quotes', 'A="$swordfish"\n', 1],
    ['a home folder', 'A=~swordfish\n', 1],
    ['an array', 'A=(swordfish)\n', 1],
    ['a single quote without end', "A='1'\n\nB='swordfish\n\n", 3],
    ['double quotes without end', 'A="swordfish\n', 1],
    ['a backslash at the very end', 'A=swordfish\\', 1],
    ['another name for a key', "A='1'\nmy-key='swordfish'\n", 2],
    ['an export', "export A='swordfish'\n", 1],
    ['line breaks of DOS', "A='swordfish'\r\n", 1],
    ['a NUL', "A='1'\nB='swordfish\0'\n", 2],
  ] as const)
    it(`is refused with ${what}, naming the line and no value`, () => {
      const message = refusal(text)
      assert.match(message, new RegExp(`^context\\.sh: line ${line}[,:] `))
      assert.doesNotMatch(message, /swordfish/)
    })

  it('is refused with the key named, where one is to be seen', () => {
    assert.match(refusal("A='1'\nBAD=`x`\n"), /^context\.sh: line 2, BAD: /)
    assert.match(refusal("my-key='x'\n"), /^context\.sh: line 1, my-key: /)
  })

  it('may have values of megabytes', () => {
    const long = 'x'.repeat(12 * 1024 * 1024)
    assert.equal(parseContextSh(`A='${long}'`).get('A')?.length, long.length)
    assert.equal(parseContextSh(`A="${long}"`).get('A')?.length, long.length)
    assert.equal(parseContextSh(`A=${long}`).get('A')?.length, long.length)
    assert.equal(parseContextSh(`A="${'\\"'.repeat(1024 * 1024)}"`).get('A')?.length, 1024 * 1024)
  })

  it("is read as OpenNebula's own front end wrote it", () => {
    const read = (name: string) => parseContextSh(readFileSync(new URL(`${name}.context.sh`, VECTORS), 'utf8'))
    const hard = read('instantiate-text-hard-values')
    assert.equal(hard.get('C_QUOTE'), 'say "hi" and \'single\'')
    assert.equal(hard.get('D_BACKSLASH'), 'C:\\temp\\new \\\\server')
    assert.equal(hard.get('E_NEWLINE'), 'line1\nline2')
    assert.equal(hard.get('N_BT'), '`id`')
    assert.equal(read('instantiate-token-and-files').get('FILES_DS'), "dummy_path:'myinit.sh' ")
  })

  it("is refused where OpenNebula's own front end wrote a key that no shell takes", () => {
    const text = readFileSync(new URL('instantiate-xml-bad-key.context.sh', VECTORS), 'utf8')
    assert.match(refusal(text), /^context\.sh: line 6, my-key: /)
  })

  it('loses no recorded file', () => {
    assert.ok(readdirSync(VECTORS).filter((name) => name.endsWith('.context.sh')).length >= 8)
  })
})
