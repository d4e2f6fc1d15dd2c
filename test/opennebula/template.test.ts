import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseTemplate } from './template-parse.ts'
import { vectorOf } from './template.ts'
import { substitute } from './variables.ts'
import { escapeText } from './xml.ts'

const SYNTAX = { xml: true, emptyValues: true, unescapes: true }

/** What both forms can say: no control characters, no end of CDATA, no backslash at the end. */
const value = fc
  .string({ unit: fc.constantFrom(...'aZ9 "\'\\$&<>[]#,=\n\té☃'.split('')), maxLength: 40 })
  .filter((text) => !text.includes(']]>') && !text.endsWith('\\'))

test('both forms say the same of any value', () => {
  fc.assert(
    fc.property(value, value, (first, second) => {
      const quoted = [first, second].map((text) => `"${text.replaceAll('"', String.raw`\"`)}"`)
      const text = `# a comment\nCONTEXT = [ a = ${quoted[0]},\n B=${quoted[1]} ]\nCPU=1`
      const xml = `<T><CONTEXT><A>${escapeText(first)}</A><B>${escapeText(second)}</B></CONTEXT><CPU>1</CPU></T>`
      const [fromText, fromXml] = [text, xml].map((source) => {
        const parsed = parseTemplate(source, SYNTAX)
        return 'error' in parsed ? parsed : vectorOf(parsed.template, 'CONTEXT')
      })
      assert.deepEqual(
        fromText,
        new Map([
          ['A', first],
          ['B', second],
        ]),
      )
      // An empty element is no element.
      if (first !== '' && second !== '') assert.deepEqual(fromXml, fromText)
    }),
  )
})

test('a text without dollars is left alone, save a backslash at its end', () => {
  fc.assert(
    fc.property(value, (text) => {
      const plain = text.replaceAll('$', '')
      const read = substitute(plain, () => 'x')
      // Backslashes go in pairs with what follows: only one that is left over at the end is lost.
      const single = /(?:^|[^\\])(?:\\\\)*\\$/.test(plain)
      assert.deepEqual(read, { text: single ? plain.slice(0, -1) : plain })
    }),
  )
})
