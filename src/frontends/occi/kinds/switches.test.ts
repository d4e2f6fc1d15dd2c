import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { ALICE, jsonOf, said, textOf } from '../../../../test/e2e/asking.ts'
import { kindLine, openOcci, pathsIn } from '../../../../test/e2e/occi-client.ts'
import { NO_ROOM } from '../../../../test/e2e/no-room.ts'
import { sampleSpec } from '../../../../test/conformance/store-samples.ts'
import { sha256 } from '../../../model/digest.ts'
import { fromSwitches, toSwitches } from './switches.ts'

const OWN = 'http://bellhop.example/occi/infrastructure/compute#'
const SCRIPT = Buffer.from('#!/bin/sh\necho hello\n')
const DATA = `X-OCCI-Attribute: occi.compute.userdata="${SCRIPT.toString('base64')}"`
const mixin = (term: string): string => `Category: ${term}; scheme="${OWN}"; class="mixin"`
const shows = (text: string): readonly string[] =>
  ['untracked', 'wrapped'].filter((term) => text.includes(`Category: ${term}; scheme="${OWN}"; class="mixin"; title="`))

async function open(t: TestContext, options: Parameters<typeof openOcci>[1] = {}) {
  const opened = await openOcci(t, options)
  const idOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
  return { ...opened, idOf, instanceOf: (path: string) => opened.service.get(idOf(path), ALICE) }
}

test('what is switched off by a mixin is off, and is shown and found by it', async (t) => {
  const { ask, create, instanceOf } = await open(t)
  const [plain, untracked] = [await create(DATA), await create(DATA, mixin('untracked'))]
  const { spec, plan } = await instanceOf(untracked)
  assert.deepEqual([spec.tracking, spec.wrap, plan.tracking], [false, undefined, false])
  assert.equal((await instanceOf(plain)).spec.tracking, undefined)
  assert.deepEqual(shows(textOf(await ask(`GET ${plain}`))), [])
  assert.deepEqual(shows(textOf(await ask(`GET ${untracked}`))), ['untracked'])
  assert.deepEqual(pathsIn(await ask('GET /untracked/')), [untracked])
  const category = `untracked; scheme="${OWN}"; class="mixin"`
  assert.deepEqual(pathsIn(await ask('GET /compute/', { Category: category })), [untracked])
  assert.deepEqual(pathsIn(await ask('GET /wrapped/')), [])
})

test('wrapped data are shown with both digests, in both renderings', async (t) => {
  const { ask, create, idOf, provider } = await open(t, NO_ROOM)
  const path = await create(DATA, mixin('wrapped'))
  const [vm = assert.fail()] = await provider.made(idOf(path))
  const given = vm.request.spec.userData ?? assert.fail()
  assert.ok(given.byteLength > SCRIPT.byteLength)
  const attributes = {
    'bellhop.userdata.sha256': sha256(SCRIPT),
    'bellhop.userdata.size': SCRIPT.byteLength,
    'bellhop.userdata.wrapped_sha256': sha256(given),
    'bellhop.userdata.wrapped_size': given.byteLength,
  }
  const text = textOf(await ask(`GET ${path}`))
  assert.deepEqual(shows(text), ['wrapped'])
  for (const [name, value] of Object.entries(attributes))
    assert.ok(text.includes(`X-OCCI-Attribute: ${name}=${JSON.stringify(value)}`), name)
  const { mixins, attributes: inJson } = jsonOf(await ask(`GET ${path}`, { Accept: 'application/occi+json' }))
  assert.ok(Array.isArray(mixins) && mixins.includes(`${OWN}wrapped`))
  assert.ok(typeof inJson === 'object' && inJson !== null)
  assert.deepEqual({ ...inJson, ...attributes }, inJson)
})

test('data that need not be wrapped stay as they are, though they might have been', async (t) => {
  const { ask, create } = await open(t)
  const text = textOf(await ask(`GET ${await create(DATA, mixin('wrapped'))}`))
  assert.deepEqual(shows(text), ['wrapped'])
  assert.doesNotMatch(text, /wrapped_(?:sha256|size)/)
})

test('what another front end was told is shown too', async (t) => {
  const { ask, service } = await open(t)
  const shown = async (switches: object): Promise<readonly string[]> => {
    const { id } = await service.create({ spec: { ...sampleSpec({ userData: SCRIPT }), ...switches } }, ALICE)
    return shows(textOf(await ask(`GET /compute/${id}`)))
  }
  assert.deepEqual(await shown({ tracking: false }), ['untracked'])
  assert.deepEqual(await shown({ wrap: true }), ['wrapped'])
  assert.deepEqual(await shown({}), [])
})

test('what cannot be is refused before anything is made', async (t) => {
  const { ask, provider } = await open(t, NO_ROOM)
  const refused = async (...lines: string[]): Promise<string> =>
    said(await ask('POST /compute/', {}, [kindLine('compute'), ...lines].join('\n')))
  assert.match(await refused(DATA, mixin('wrapped'), mixin('untracked')), /^400 wrap: tracking is off/)
  assert.match(await refused(mixin('wrapped')), /^400 wrap: there is no userData/)
  const storage = [kindLine('storage'), mixin('untracked'), 'X-OCCI-Attribute: occi.storage.size=1']
  assert.match(said(await ask('POST /storage/', {}, storage.join('\n'))), /^400 \S+#untracked is for compute, not for/)
  assert.deepEqual(await provider.made(), [])
})

test('they are said when a compute is made: later they are neither put on it nor taken away', async (t) => {
  const { ask, create, instanceOf } = await open(t)
  const [plain, untracked] = [await create(DATA), await create(DATA, mixin('untracked'))]
  for (const method of ['PUT', 'POST']) {
    const answer = await ask(`${method} ${untracked}`, {}, kindLine('compute'))
    assert.deepEqual([answer.status, shows(textOf(answer))], [200, ['untracked']], method)
    const other = await ask(`${method} ${plain}`, {}, [kindLine('compute'), mixin('untracked')].join('\n'))
    assert.deepEqual([other.status, shows(textOf(other))], [200, []], method)
  }
  assert.deepEqual(
    [(await instanceOf(untracked)).spec.tracking, (await instanceOf(plain)).spec.tracking],
    [false, undefined],
  )
  const location = `X-OCCI-Location: ${plain}`
  assert.match(said(await ask('POST /untracked/', {}, location)), /^409 \S+#untracked comes with an entity/)
})

test('the same request again, with the key that it had, gives what was made', async (t) => {
  const { ask, provider } = await open(t, NO_ROOM)
  const body = [kindLine('compute'), DATA, mixin('wrapped')].join('\n')
  const [first, second] = [
    await ask('POST /compute/', { 'Idempotency-Key': 'k' }, body),
    await ask('POST /compute/', { 'Idempotency-Key': 'k' }, body),
  ]
  assert.deepEqual([first.status, said(second)], [201, said(first)])
  assert.equal((await provider.made()).length, 1)
})

test('mixins say what they are made of', () => {
  const any = fc.record(
    { tracking: fc.constant(false as const), wrap: fc.constant(true as const) },
    { requiredKeys: [] },
  )
  fc.assert(fc.property(any, (switches) => assert.deepEqual(toSwitches(fromSwitches(switches)), { ...switches })))
})
