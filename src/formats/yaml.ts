import { CST, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument } from 'yaml'
import type { Document, YAMLParseError } from 'yaml'
import { yamlValueProblem } from './yaml-values.ts'

/** A longer text is not checked: it would take too long, and is longer than the clouds take. */
export const YAML_MAX_CHARACTERS = 64 * 1024

/** What a YAML text holds, or why Python's YAML refuses it; never with anything of the text in it. */
export type YamlReading =
  | { readonly root: 'mapping'; readonly keys: ReadonlySet<string> }
  | { readonly root: 'list'; items(): readonly unknown[] }
  | { readonly root: 'scalar' | 'empty' }
  | { readonly problem: string }
  | { readonly unchecked: string }

// PyYAML, reader.py: what it calls printable.
const UNPRINTABLE = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u

// To PyYAML these end a line, to others they do not.
const UNUSUAL_BREAK = /\r(?!\n)|[\x85\u2028\u2029]/

/**
 * Reads YAML as version 1.1, and as strictly as PyYAML's safe loader, which is what cloud-init reads with: it refuses tabs
 * between tokens, collections as keys (an unquoted `{{ … }}`), unknown tags and dates that are none.
 */
export function readYaml(text: string): YamlReading {
  if (text.length > YAML_MAX_CHARACTERS)
    return { unchecked: `its YAML has more than ${YAML_MAX_CHARACTERS} characters: not checked` }
  try {
    return read(text)
  } catch {
    // Deeper than our stack, or more than the parser can bear: that says nothing of the guest's.
    return { unchecked: 'its YAML is nested too deeply to be checked' }
  }
}

const AS_PYTHON = { version: '1.1', uniqueKeys: false, prettyErrors: false, keepSourceTokens: true } as const

function read(text: string): YamlReading {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...AS_PYTHON, lineCounter: lines })
  const line = (offset: number): string => `line ${Math.max(1, lines.linePos(offset).line)}`
  const unusual = text.search(UNUSUAL_BREAK)
  if (unusual !== -1) return { unchecked: `${line(unusual)} ends as programs do not agree on: not checked` }
  const unprintable = text.search(UNPRINTABLE)
  if (unprintable !== -1) return { problem: `${line(unprintable)} has a character that is not printable` }
  const [wrong] = document.errors
  if (wrong && mayBeTaken(wrong, text)) return { unchecked: `${line(wrong.pos[0])} is YAML to some programs only` }
  if (wrong) return { problem: `${line(wrong.pos[0])}: ${PROBLEMS[wrong.code] ?? 'not to be understood'}` }
  const tab = firstTab(text)
  if (tab !== undefined) return { problem: `${line(tab)} has a tab where only blanks may stand` }
  const [doubtful] = document.warnings
  if (doubtful) return { problem: `${line(doubtful.pos[0])} has a tag that is not known` }
  const value = yamlValueProblem(document)
  if (value) return { problem: `${line(value.offset)} ${value.problem}` }
  return rootOf(document)
}

/** PyYAML is milder in that it asks for no indentation within quotes and brackets, nor for a blank before a comment. */
function mayBeTaken({ message, pos }: YAMLParseError, text: string): boolean {
  const closing = /(?:^Missing closing |^Flow \w+ in block .* end with a )(.)/.exec(message)?.[1]
  if (closing !== undefined) return text.includes(closing, pos[0])
  return /^(?:Comments must be|Implicit keys of flow)/.test(message)
}

/** The commonest of the parser's errors in words of ours: its own repeat the text. */
const PROBLEMS: Readonly<Record<string, string>> = {
  BAD_INDENT: 'the indentation does not fit',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " where a value stands; quote it',
  MISSING_CHAR: 'something is missing, such as a colon, a quote or a bracket',
  MULTIPLE_DOCS: 'a second document begins',
  TAB_AS_INDENT: 'a tab where only blanks may stand',
  BAD_SCALAR_START: 'a value begins with a character that must be quoted',
  BAD_DQ_ESCAPE: 'a backslash in double quotes that escapes nothing',
  UNEXPECTED_TOKEN: 'something that does not belong there',
}

/** More would let a few lines stand for gigabytes. */
const ALIASES_MAX = 100

function rootOf(document: Document): YamlReading {
  const { contents } = document
  if (isMap(contents)) return { root: 'mapping', keys: new Set(contents.items.map(({ key }) => textOf(key))) }
  if (isSeq(contents)) return { root: 'list', items: () => document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown[] }
  const empty = contents === null || (isScalar(contents) && contents.value === null)
  return { root: empty ? 'empty' : 'scalar' }
}

function textOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : ''
}

/** Where a tab stands between tokens, or within a plain scalar: YAML 1.2 takes it for white space there. */
function firstTab(text: string): number | undefined {
  if (!text.includes('\t')) return undefined
  let offset = 0
  let scalar: 'none' | 'plain' | 'block' = 'none'
  let header = false
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === SCALAR) {
      scalar = header ? 'block' : 'plain'
      header = false
      continue
    }
    if (lexeme === DOCUMENT || lexeme === FLOW_END) continue
    const type = scalar === 'none' ? CST.tokenType(lexeme) : scalar
    if (TABLESS.has(type) && lexeme.includes('\t')) return offset + lexeme.indexOf('\t')
    if (type === 'block-scalar-header') header = true
    scalar = 'none'
    offset += lexeme.length
  }
  return undefined
}

// Lexemes of one control character that stand for no text.
const { SCALAR, DOCUMENT, FLOW_END } = CST
const TABLESS: ReadonlySet<string | null> = new Set(['space', 'plain', 'block-scalar-header'])
