import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { parseAnswer } from './xmlrpc-parse.ts'
import { renderCall, renderValue, type XmlRpcValue } from './xmlrpc-render.ts'

const answerOf = (value: string) => `<methodResponse><params><param>${value}</param></params></methodResponse>`

function read(value: string): XmlRpcValue {
  const answer = parseAnswer(answerOf(`<value>${value}</value>`))
  assert.ok('value' in answer)
  return answer.value
}

const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseAnswer(text),
    (error) => isCloudError(error, 'provider-failed') && message.test(error.message) && !/secret/.test(error.message),
    text.slice(0, 120),
  )

// What XML cannot hold is another matter.
const text = fc
  .string({ unit: 'binary' })
  .map((given) => given.replaceAll(/[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]/g, '?'))
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }))
  .map((given) => given + 0)
const { value: anyValue } = fc.letrec<{ value: XmlRpcValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}))

describe('a value', () => {
  it('is read as it was rendered', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        assert.deepEqual(parseAnswer(answerOf(renderValue(value, 'value'))), { value })
      }),
      { numRuns: 1000 },
    )
  })

  const READ: readonly (readonly [string, XmlRpcValue])[] = [
    ['plain  text ', 'plain  text '],
    ['', ''],
    [' \n', ' \n'],
    ['<string> a\r\nb </string>', ' a\nb '],
    [' <string/>\n', ''],
    ['<string><![CDATA[<b>]]>&amp;</string>', '<b>&'],
    ['<i4> -5\n</i4>', -5],
    ['<int>+2147483647</int>', 2147483647],
    ['<i4>-2147483648</i4>', -2147483648],
    ['<i8>-1</i8>', -1],
    ['<ex:i8>9007199254740991</ex:i8>', Number.MAX_SAFE_INTEGER],
    ['<boolean>1</boolean>', true],
    ['<boolean> 0 </boolean>', false],
    ['<double>-1.5</double>', -1.5],
    ['<double>.5</double>', 0.5],
    ['<double>1e3</double>', 1000],
    ['<nil/>', null],
    ['<ex:nil></ex:nil>', null],
    ['<base64>aGVs\nbG8=</base64>', Buffer.from('hello')],
    ['<array><data/></array>', []],
    ['<array>\n<data>\n<value>a</value> <value><i4>1</i4></value></data></array>', ['a', 1]],
    ['<struct/>', {}],
    ['<struct><member><name> a </name><value/></member>\n</struct>', { ' a ': '' }],
  ]
  it('is read in all its types', () => {
    for (const [value, expected] of READ) assert.deepEqual(read(value), expected, value)
  })

  const DEEP = 17
  const REFUSED: readonly (readonly [string, RegExp])[] = [
    ['secret<i4>1</i4>', /result: text beside elements/],
    ['<i4>1</i4><i4>2</i4>', /result: one element is expected where there is more/],
    ['<i4>2147483648</i4>', /no whole number within -2147483648 and 2147483647/],
    ['<i4></i4>', /no whole number/],
    ['<i4>1.0</i4>', /no whole number/],
    ['<i4>0x1</i4>', /no whole number/],
    ['<i4><i4>1</i4></i4>', /elements within a scalar/],
    ['<i8>9007199254740993</i8>', /no whole number within/],
    ['<boolean>true</boolean>', /neither 0 nor 1/],
    ['<double>NaN</double>', /no double/],
    ['<double>1e999</double>', /no double/],
    ['<double></double>', /no double/],
    ['<base64>aGVsbG8</base64>', /result: no base64/],
    ['<nil>secret</nil>', /text within a nil/],
    ['<dateTime.iso8601>19980717T14:08:55</dateTime.iso8601>', /a type that is not known/],
    ['<constructor>1</constructor>', /a type that is not known/],
    ['<array/>', /one element is expected where there is none/],
    ['<array><value/></array>', /an array without data/],
    ['<array><data><i4>1</i4></data></array>', /result\[0\]: no value/],
    ['<array><data>secret</data></array>', /text beside elements/],
    ['<struct><value/></struct>', /member 0: no name and value/],
    ['<struct><member><name>a</name></member></struct>', /member 0: no name and value/],
    ['<struct><member><name>a</name><value/></member><member><name>a</name><value/></member></struct>', /twice/],
    [`${'<array><data><value>'.repeat(DEEP)}a${'</value></data></array>'.repeat(DEEP)}`, /deeper than 16 levels/],
  ]
  it('that is wrong is refused, and not repeated', () => {
    for (const [value, message] of REFUSED) refused(answerOf(`<value>${value}</value>`), message)
  })
})

describe('an answer', () => {
  const fault = (code: string, message: string) =>
    `<methodResponse><fault><value><struct><member><name>faultCode</name><value>${code}</value></member>` +
    `<member><name>faultString</name><value>${message}</value></member></struct></value></fault></methodResponse>`

  it('is a value or a fault', () => {
    assert.deepEqual(parseAnswer(fault('<int>-506</int>', 'no such')), { fault: { code: -506, message: 'no such' } })
    assert.deepEqual(parseAnswer(answerOf('<value>a</value>')), { value: 'a' })
  })

  it('that is anything else is refused', () => {
    for (const wrong of [
      '<HTML><BODY>secret</BODY></HTML>',
      '<methodCall/>',
      '<methodResponse/>',
      '<methodResponse><params/></methodResponse>',
      '<methodResponse><params><param/></params></methodResponse>',
      '<methodResponse><value>a</value></methodResponse>',
      `<methodResponse><params><param><value/></param><param><value/></param></params></methodResponse>`,
      fault('secret', 'secret'),
      fault('<i4>1</i4>', '<i4>1</i4>'),
      '<methodResponse><fault><value>secret</value></fault></methodResponse>',
    ])
      refused(wrong, /^not the XML(?:-RPC)? that is expected: /)
  })

  it('of any pieces is read or refused', () => {
    const names = [
      'value',
      'array',
      'data',
      'struct',
      'member',
      'name',
      'i4',
      'string',
      'double',
      'base64',
      'nil',
      'fault',
    ]
    const piece = fc.constantFrom(
      ...names.flatMap((name) => [`<${name}>`, `</${name}>`, `<${name}/>`]),
      '1',
      'a',
      ' ',
      '&',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), fc.boolean(), (parts, isWrapped) => {
        try {
          parseAnswer(isWrapped ? answerOf(`<value>${parts.join('')}</value>`) : parts.join(''))
        } catch (error) {
          assert.ok(isCloudError(error, 'provider-failed'), String(error))
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('a call', () => {
  it('is rendered', () => {
    assert.equal(
      renderCall('one.vm.info', ['a:<b>&\r', 4, true, 0.0000001, new Uint8Array([1, 2])]),
      '<?xml version="1.0"?>\n<methodCall><methodName>one.vm.info</methodName><params>' +
        '<param><value><string>a:&lt;b&gt;&amp;&#13;</string></value></param>' +
        '<param><value><i4>4</i4></value></param><param><value><boolean>1</boolean></value></param>' +
        '<param><value><double>0.0000001</double></value></param>' +
        '<param><value><base64>AQI=</base64></value></param></params></methodCall>',
    )
  })

  it('with what XML-RPC cannot hold is refused, naming the parameter and not the value', () => {
    let deep: XmlRpcValue = []
    for (let level = 0; level < DEPTH; level++) deep = [deep]
    const wrong: readonly (readonly [XmlRpcValue, RegExp])[] = [
      ['secret\0', /^parameter 1: character 7 of 7 /],
      [['a', 'secret\uD800'], /^parameter 1\[1\]: character 7 of 7 /],
      [{ 'secret\x1B': 1 }, /^parameter 1, member 0: character 7 of 7 /],
      [Number.NaN, /^parameter 1: not a finite number/],
      [Number.POSITIVE_INFINITY, /^parameter 1: not a finite number/],
      [2 ** 31, /^parameter 1: 2147483648 is not within/],
      [deep, /^parameter 1(?:\[0\]){17}: deeper than 16 levels/],
    ]
    for (const [value, message] of wrong)
      assert.throws(
        () => renderCall('m', ['a', value]),
        (error) => isCloudError(error, 'invalid') && message.test(error.message) && !/secret/.test(error.message),
      )
  })
})

const DEPTH = 20
