import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { CloudError, isCloudError } from '../../model/errors.ts'
import { parseAnswer } from '../../wire/xmlrpc-parse.ts'
import { renderCall, type XmlRpcValue } from '../../wire/xmlrpc-render.ts'
import { recorded, recordedCall, RECORDINGS } from './testdata/replay.ts'

const SUFFIX = '.req.xml'
const NAMES = readdirSync(RECORDINGS)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))

const OUTCOMES = JSON.parse(readFileSync(new URL('testdata/outcomes.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, string>
>

describe('every recorded request', () => {
  for (const name of NAMES)
    it(`${name} is rendered byte for byte`, async () => {
      const { method, parameters } = await recordedCall(name)
      assert.equal(renderCall(method, parameters), (await recorded(name, 'req')).trimEnd())
    })
})

describe('every recorded answer', () => {
  for (const name of NAMES)
    it(`${name} is a ${OUTCOMES[name]}`, async () => {
      assert.equal(outcomeOf(await recorded(name, 'resp')), OUTCOMES[name])
    })
})

function outcomeOf(text: string): string {
  const answer = readAnswer(text)
  if (answer instanceof CloudError) return 'no XML-RPC'
  if ('fault' in answer) return `fault ${answer.fault.code}`
  const parts = answer.value as readonly XmlRpcValue[]
  if (parts[0] === true) {
    assert.deepEqual([parts.length, parts[2]], [3, 0])
    return 'success'
  }
  assert.deepEqual(
    [parts.length, parts[0], typeof parts[1], typeof parts[3], parts[4]],
    [5, false, 'string', 'number', -1],
  )
  assert.ok(typeof parts[2] === 'number')
  return `failure ${parts[2]}`
}

function readAnswer(text: string): ReturnType<typeof parseAnswer> | CloudError {
  try {
    return parseAnswer(text)
  } catch (error) {
    assert.ok(isCloudError(error, 'provider-failed'), String(error))
    return error
  }
}
