import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseJson, renderJson } from './json.ts'
import { typeNamed } from './types.ts'
import { parseXml, renderXml } from './xml.ts'

const TESTDATA = new URL('testdata/', import.meta.url)
const NAMES = readdirSync(TESTDATA)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))

/** The text without the types of what stands within the document, which are optional. */
function withoutInnerTypes(json: string): string {
  return json.replaceAll(/(?<!^\{)"resourceURI":"[^"]*",/g, '')
}

test('there are vectors', () => assert.ok(NAMES.length > 20))

for (const name of NAMES)
  test(`${name}: both files are read as one document, and written as they stand`, () => {
    const json = readFileSync(new URL(`${name}.json`, TESTDATA))
    const xml = readFileSync(new URL(`${name}.xml`, TESTDATA))
    const type = typeNamed(name.replace(/-.*/, ''))
    assert.ok(type)
    const document = parseJson(json, type)
    assert.deepEqual([document.claimed, document.unknown], [type, []])
    assert.deepEqual(parseXml(xml, type), document)
    assert.equal(withoutInnerTypes(renderJson(document.resource)), withoutInnerTypes(json.toString().trim()))
    assert.equal(renderXml(document.resource), xml.toString().trim())
  })
