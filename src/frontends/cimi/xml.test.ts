import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { parseJson } from './json.ts'
import type { TypeName } from './types.ts'
import { parseXml } from './xml.ts'

const read = (xml: string, ...expected: [TypeName, ...TypeName[]]) => parseXml(Buffer.from(xml), ...expected)

function assertReads(xml: string, type: TypeName, json: object): void {
  assert.deepEqual(read(xml, type).resource, parseJson(Buffer.from(JSON.stringify(json)), type).resource)
}

function refuses(xml: string, message: string | RegExp, type: TypeName = 'MachineCreate'): void {
  assert.throws(
    () => read(xml, type),
    (error) => {
      assert.ok(isCloudError(error, 'invalid'), String(error))
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      return true
    },
  )
}

test('namespace, prefix and the case of the root do not matter', () => {
  for (const xml of [
    '<MachineCreate><name>web</name></MachineCreate>',
    '<machinecreate xmlns="http://schemas.dmtf.org/cimi/1/"><name>web</name></machinecreate>',
    '<c:MachineCreate xmlns:c="http://schemas.dmtf.org/cimi/1"><c:name>web</c:name></c:MachineCreate>',
    '<x resourceURI="http://schemas.dmtf.org/cimi/2/machineCreate"><name>web</name></x>',
    '\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n<!-- a --><MachineCreate name="web"/>\n',
  ])
    assert.deepEqual(read(xml, 'MachineCreate'), {
      resource: { type: 'MachineCreate', attributes: new Map([['name', 'web']]) },
      claimed: 'MachineCreate',
      unknown: [],
    })
})

test('another root is shown, not judged; a collection says its type in an attribute', () => {
  assert.equal(read('<Volume/>', 'MachineCreate').claimed, 'Volume')
  assert.equal(read('<Collection/>', 'MachineCollection').claimed, undefined)
  assert.equal(read('<Collection resourceURI="a/DiskCollection"/>', 'MachineCollection').claimed, 'DiskCollection')
  assert.equal(read('<MachineTemplate/>', 'MachineTemplateCreate', 'MachineTemplate').resource.type, 'MachineTemplate')
})

test('pretty-printed values lose the blanks around them, and only those', () => {
  assertReads(
    `<MachineCreate>
       <name>
         my   web
       </name>
       <property key="a"> b </property>
       <machineTemplate>
         <machineImage href=" http://example.org/img1 "/>
         <machineConfig>
           <cpu> 2 </cpu>
         </machineConfig>
       </machineTemplate>
     </MachineCreate>`,
    'MachineCreate',
    {
      name: 'my   web',
      properties: { a: 'b' },
      machineTemplate: { machineImage: 'http://example.org/img1', machineConfig: { cpu: 2 } },
    },
  )
})

test('references are attributes, elements or text', () => {
  for (const image of [
    '<machineImage href="a"/>',
    '<machineImage><href>a</href></machineImage>',
    '<machineImage>a</machineImage>',
  ])
    assertReads(`<MachineTemplate>${image}</MachineTemplate>`, 'MachineTemplate', { machineImage: { href: 'a' } })
  for (const location of ['<imageLocation href="a"/>', '<imageLocation> a </imageLocation>'])
    assertReads(`<machineImageCreate>${location}</machineImageCreate>`, 'MachineImageCreate', { imageLocation: 'a' })
})

test('entities, references to characters and CDATA are decoded', () => {
  const xml =
    '<Machine><name>&lt;a&amp;amp;&#x41;&#66;&#32;</name><description>x<![CDATA[ <&amp;> ]]></description></Machine>'
  assertReads(xml, 'Machine', { name: '<a&amp;AB ', description: 'x <&amp;> ' })
})

test('comments and processing instructions say nothing', () => {
  assertReads('<Machine><?a b?><name>a<!-- x -->b</name></Machine>', 'Machine', { name: 'ab' })
})

test('unknown attributes are named', () => {
  const { unknown } = read(
    '<MachineCreate a="1" xmlns:x="y" xml:lang="en"><machineTemplate><b><c/></b></machineTemplate></MachineCreate>',
    'MachineCreate',
  )
  assert.deepEqual(unknown.toSorted(), ['a', 'machineTemplate.b'])
})

test('a DTD is refused wherever it stands', () => {
  const lol = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('')
  for (const xml of [
    `<!DOCTYPE a [<!ENTITY l0 "lol">${lol}]><MachineCreate><name>&l9;</name></MachineCreate>`,
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><MachineCreate/>',
    '<!doctype a><MachineCreate/>',
    '<!ENTITY a "b"><MachineCreate/>',
  ])
    refuses(xml, 'line 1, column 1: a DTD is not allowed')
  refuses('<MachineCreate>\n <!DOCTYPE a></MachineCreate>', 'line 2, column 2: a DTD is not allowed')
})

test('entities of others and references to what is no character are refused', () => {
  for (const entity of ['&nbsp;', '&a;', '&#0;', '&#xD800;', '&#x110000;', '&#xFFFE;', '&#x99999999;'])
    refuses(`<MachineCreate><name>${entity}</name></MachineCreate>`, /^MachineCreate\.name: only &amp;/)
  refuses('<MachineCreate name="a & b"/>', /^MachineCreate\.name: only &amp;/)
})

test('what is not XML is refused with line and column, without its text', () => {
  for (const xml of [
    '',
    'hunter2',
    '<MachineCreate>',
    '<MachineCreate>\n<password>hunter2</passwort></MachineCreate>',
    '<MachineCreate password=hunter2/>',
    '<MachineCreate a="1" a="2"/>',
    '<MachineCreate/><MachineCreate/>',
    '<MachineCreate/>hunter2',
    '<MachineCreate></MachineCreate><MachineCreate/>',
    '<MachineCreate><!-- hunter2</MachineCreate>',
    '<MachineCreate><![CDATA[hunter2</MachineCreate>',
    '<MachineCreate><?hunter2</MachineCreate>',
    '<MachineCreate></machineCreate>',
    '<MachineCreate><name>a & hunter2</name></MachineCreate>',
  ])
    refuses(xml, /^line \d+, column \d+: (?!.*hunter2)/)
  refuses(
    '<MachineCreate>\n<name>\u0001</name></MachineCreate>',
    'line 2, column 7: a character that XML does not allow',
  )
})

test('what cannot be read is named by its path, and its value is not repeated', () => {
  const refusesIn = (content: string, message: string) => refuses(`<M>${content}</M>`, message)
  refusesIn(
    '<machineTemplate><machineConfig><disk><capacity/></disk></machineConfig></machineTemplate>',
    'machineTemplate.machineConfig.disks[0].capacity: an integer is expected',
  )
  refusesIn('<userData><hunter2/></userData>', 'userData: text without elements is expected')
  refusesIn('<property>hunter2</property>', 'properties: an attribute "key" in each property is expected')
  refusesIn('<name>a</name><name>b</name>', 'name: one element, not several, is expected')
  refusesIn('<machineTemplate href="a">hunter2</machineTemplate>', 'machineTemplate: an object is expected')
  refusesIn('hunter2', 'the document: an object is expected')
  refuses('<M a:name="a" name="b"/>', 'M: an attribute stands there twice')
})

test('what is too deep or has too many tags is refused', () => {
  refuses(`${'<a>'.repeat(40)}${'</a>'.repeat(40)}`, /nested deeper than 32 levels/)
  refuses(`<a>${'<a>'.repeat(20_000)}${'</a>'.repeat(20_000)}</a>`, /nested deeper than 32 levels/)
  refuses(`<a>${'<b/>'.repeat(60_000)}</a>`, /^the XML has 60002 tags; 50000 are read at most$/)
})
