import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../model/errors.ts'
import { escapeXmlText } from './xml-text.ts'
import { parseXml } from './xml.ts'

const refused = (text: string, message: RegExp) =>
  assert.throws(
    () => parseXml(text),
    (error) => isCloudError(error, 'provider-failed') && message.test(error.message),
    text.slice(0, 80),
  )

const textOf = (text: string) => parseXml(text).text

describe('XML', () => {
  it('is read into elements with their texts, blanks and all', () => {
    const source = `<?xml version="1.0" encoding="UTF-8"?>\n<!-- a --><a b="1" c='&lt;"'>\n <x:y/> z<?p?><y ></y ></a>\n<!---->`
    assert.deepEqual(parseXml(source), {
      name: 'a',
      children: [
        { name: 'x:y', children: [], text: '' },
        { name: 'y', children: [], text: '' },
      ],
      text: '\n  z',
    })
  })

  it('has CDATA sections, references and line breaks of three kinds', () => {
    assert.equal(textOf('<a><![CDATA[$USER[KEY]]]></a>'), '$USER[KEY]')
    assert.equal(textOf('<a>b<![CDATA[&lt;<b>]]><![CDATA[]]]]><![CDATA[>]]>c</a>'), 'b&lt;<b>]]>c')
    assert.equal(textOf('<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#128512;&#13;</a>'), `<>&"'AB😀\r`)
    assert.equal(textOf('<a>1\r\n2\r3\n4</a>'), '1\n2\n3\n4')
  })

  const MALFORMED: readonly (readonly [string, RegExp])[] = [
    ['', /at character 1: no end of the root/],
    ['<a>', /at character 4: no end of the root/],
    ['<a></b>', /at character 4: an end without/],
    ['</a>', /at character 1: an end without/],
    ['<a/><b/>', /at character 5: a second root/],
    ['x<a/>', /text beside the root/],
    ['<a/>x', /at character 5: text beside the root/],
    ['<a/><![CDATA[x]]>', /at character 5: text beside the root/],
    ['<a b="1" b="2"/>', /an attribute twice/],
    ['<a b=1/>', /no tag/],
    ['<a b="<"/>', /no tag/],
    ['<a b="1"c="2"/>', /no tag/],
    ['<a b="&c;"/>', /an attribute with an "&"/],
    ['< a/>', /no tag/],
    ['<1/>', /no tag/],
    ['<a><', /no tag/],
    ['<a>&b;</a>', /text with an "&"/],
    ['<a>&</a>', /text with an "&"/],
    ['<a>&#0;</a>', /text with an "&"/],
    ['<a>&#xD800;</a>', /text with an "&"/],
    ['<a>&#x110000;</a>', /text with an "&"/],
    ['<a>]]></a>', /end of CDATA without/],
    ['<a><![CDATA[</a>', /at character 4: "<!\[CDATA\[" without/],
    ['<a><!-- -- --></a>', /"--" within a comment/],
    ['<a><!--</a>', /"<!--" without/],
    ['<a><?p</a>', /"<\?" without/],
    ['<a><?xml version="1.0"?></a>', /a declaration that is not at/],
    [' <?xml version="1.0"?><a/>', /a declaration that is not at/],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', /at character 1: a DTD/],
    ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /a DTD/],
    ['<a>\u0000</a>', /at character 4: a character that XML/],
    ['<a>\uD800</a>', /a character that XML/],
    ['<a>\uFFFF</a>', /a character that XML/],
  ]
  it('that is malformed is refused with the place, and without its text', () => {
    for (const [text, message] of MALFORMED) refused(text, message)
  })

  it('has limits of depth', () => {
    const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
    assert.equal(parseXml(nested(64)).name, 'a')
    refused(nested(65), /nested deeper than 64/)
    refused('<a>'.repeat(1_000_000), /nested deeper than 64/)
  })

  it('has limits of number', () => {
    const attributes = (count: number) => Array.from({ length: count }, (_, index) => ` a${index}="1"`).join('')
    assert.equal(parseXml(`<a${attributes(100)}/>`).name, 'a')
    refused(`<a${attributes(1_000_000)}/>`, /at character 1: no tag/)
    refused(`<a>${'<b/>'.repeat(1_000_000)}</a>`, /more than 1000000 elements/)
  })

  it('of any kind is read or refused', () => {
    const pieces = [
      '<a>',
      '</a>',
      '<b/>',
      '<',
      '>',
      '&',
      ';',
      '&amp;',
      '&#',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      '<?',
      '?>',
    ]
    const more = ['="', "'", ' ', '\r', '\n', 'a', 'é', '\u0000', '\uD800', '<!', '<a b="', '"', '__proto__', '<x:a ']
    const piece = fc.constantFrom(...pieces, ...more)
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
        try {
          parseXml(parts.join(''))
        } catch (error) {
          assert.ok(isCloudError(error, 'provider-failed'), String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('text', () => {
  it('that is escaped is read as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          assert.equal(textOf(`<a>${escapeXmlText(text, 'text')}</a>`), text)
        } catch (error) {
          assert.ok(isCloudError(error, 'invalid'), String(error))
          assert.match(text, /[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]/)
        }
      }),
    )
  })

  it('that XML cannot hold is refused with its place', () => {
    for (const character of ['\0', '\x1B', '\uFFFE', '\uD83D', '\uDE00'])
      assert.throws(
        () => escapeXmlText(`secret${character}`, 'motd'),
        (error) =>
          isCloudError(error, 'invalid') &&
          error.message.startsWith('motd: character 7 of 7 is a control') &&
          !error.message.includes('secret'),
      )
    assert.equal(escapeXmlText('a\tb\n😀 ]]>', 'x'), 'a\tb\n😀 ]]&gt;')
  })
})
