import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { parseContextSh } from '../../src/formats/context-sh.ts'
import { isCloudError } from '../../src/model/errors.ts'
import { AGENT } from './run-agent.ts'

/** The awks of this machine, each once, whatever its names are. */
const AWKS = new Set(['awk', 'mawk', 'gawk', 'busybox'].flatMap(whereIs))

/** Reads each file of a folder with a function of the agent; what that refuses leaves a file `….refused`. */
const READ_ALL = `
. "$1"
for file in "$2"/*.sh; do
  flatten_context_sh "$file" >"$file.flat" 2>/dev/null || : >"$file.refused"
done
`

const oneOf = (characters: string) => fc.constantFrom(...Array.from(characters))

/** What a variable's value can be put together from, with more ways to be wrong than people find. */
const inQuotes = fc.string({ unit: oneOf(`a$\`"'\\ #=é😀\n\t\r\v`), maxLength: 4 })
const piece = fc.oneof(
  { weight: 3, arbitrary: inQuotes.map((text) => `'${text.replaceAll("'", '')}'`) },
  { weight: 3, arbitrary: inQuotes.map((text) => `"${text.replaceAll(/["$`]/g, String.raw`\$&`)}"`) },
  { weight: 3, arbitrary: oneOf('ab_9@%+=:,./-') },
  { weight: 2, arbitrary: oneOf(` '"#$é\n\t\r😀`).map((character) => `\\${character}`) },
  { weight: 1, arbitrary: oneOf(` \t\r\v'"\\$\`#;&|()~*!^\u007f\u0001\0é`) },
)
const value = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('A', 'B', '_9', ' C'), value).map((both) => both.join('=')) },
  { weight: 1, arbitrary: fc.constantFrom('', '# a comment', ' \t# a\\', 'export A=1', '9=x', 'A =x', 'A') },
)
const anyText = fc
  .tuple(fc.array(fc.tuple(line, fc.constantFrom('\n', ' \n', ' # x\n')), { maxLength: 3 }), line)
  .map(([lines, last]) => [...lines.flat(), last].join(''))

const LONG = 4096
/** What stands at the end of a file, and what is longer than the agent looks at in one go. */
const EDGES: readonly string[] = [
  '# a comment\\',
  'A=b # a comment\\',
  'A=b\\',
  'A=b\\\n',
  "A='b\\'",
  'A="b\\',
  'A="b\\\nc"',
  `A=b${' '.repeat(LONG)}`,
  `A=b${' '.repeat(LONG)}touch`,
  `A=b${' '.repeat(LONG)}# a comment`,
  `${' '.repeat(LONG)}A=b`,
  `${'A'.repeat(LONG)}=b`,
  ...[-2, -1, 0, 1].flatMap((more) => {
    const text = 'x'.repeat(LONG + more)
    return [`A='${text}'\\''${text}'`, `A="${text}\\"${text}\\\n"`, `A=${text}\\é${text}`, `A='${text}' touch`]
  }),
]

describe('the agent and our parser agree on what a context.sh is', () => {
  const texts = [...EDGES, ...fc.sample(anyText, { numRuns: 300, seed: 20_100_401 })]

  it('and on both what is one and what is none', () => {
    const taken = texts.filter((text) => ours(text) !== undefined).length
    assert.ok(taken > texts.length / 4 && taken < (texts.length * 3) / 4, `${taken} of ${texts.length}`)
  })

  for (const awk of AWKS)
    it(`with ${basename(awk)}`, (t) => {
      for (const [index, theirs] of agentReads(t, awk, texts).entries()) {
        const text = texts[index] ?? ''
        assert.deepEqual(theirs, ours(text), JSON.stringify(text.slice(0, 400)))
      }
    })
})

/** @returns `undefined` where it is refused */
function ours(text: string): Readonly<Record<string, string>> | undefined {
  try {
    return Object.fromEntries(parseContextSh(text))
  } catch (error) {
    if (isCloudError(error, 'invalid')) return undefined
    throw error
  }
}

function agentReads(
  t: TestContext,
  awk: string,
  texts: readonly string[],
): readonly (Readonly<Record<string, string>> | undefined)[] {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-agent-awk-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [programs, library] = [join(folder, 'programs'), join(folder, 'agent')]
  mkdirSync(programs)
  symlinkSync(awk, join(programs, 'awk'))
  // Its functions, without the last line that begins the work.
  writeFileSync(library, readFileSync(AGENT, 'utf8').replace(/^main "\$@"\n$/m, ''))
  const paths = texts.map((_, index) => join(folder, `${index}.sh`))
  for (const [index, path] of paths.entries()) writeFileSync(path, texts[index] ?? '')
  const env = { PATH: [programs, process.env['PATH']].join(delimiter) }
  execFileSync('sh', ['-c', READ_ALL, 'sh', library, folder], { env })
  return paths.map((path) =>
    existsSync(`${path}.refused`) ? undefined : unflattened(readFileSync(`${path}.flat`, 'utf8')),
  )
}

const MEANINGS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

/** Lines of name, tab, value, tab, type, of which the last of a name counts. */
function unflattened(lines: string): Readonly<Record<string, string>> {
  const pairs = lines
    .split('\n')
    .slice(0, -1)
    .map((each) => {
      const [name = '', escaped = ''] = each.split('\t')
      return [name, escaped.replaceAll(/\\([^])/g, (_, letter: string) => MEANINGS[letter] ?? letter)] as const
    })
  return Object.fromEntries(pairs)
}

/** The program itself, not a link to it; nothing where there is none. */
function whereIs(program: string): readonly string[] {
  try {
    const found = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' })
    return [realpathSync(found.trim())]
  } catch {
    return []
  }
}
