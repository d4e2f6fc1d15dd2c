import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { plain, rejects } from '../../test/conformance/store-under-test.ts'
import type { Caller } from '../model/instance.ts'
import { sqliteStore } from '../store/sqlite.ts'
import { documentUseCases } from './documents.ts'

const ALICE: Caller = { subject: 'test/alice', project: 'test/red', role: 'member' }
const READER: Caller = { ...ALICE, role: 'reader' }
const OTHERS: Readonly<Record<string, Caller>> = {
  'of the same project': { ...ALICE, subject: 'test/bob' },
  'of the same name in another project': { ...ALICE, project: 'test/blue' },
}
const SORT = 'cimi.machineTemplate'
const TEMPLATE = { sort: SORT, body: '{"name":"web"}', bytes: Uint8Array.of(0, 255) }
const BODY_MAX_BYTES = 256 * 1024
const DATA_MAX_BYTES = 10

async function open(t: TestContext) {
  const store = await sqliteStore(':memory:')
  t.after(() => store.close())
  return documentUseCases({ store, rules: { servesMetadata: true, userDataMaxBytes: DATA_MAX_BYTES } })
}

describe('a document', () => {
  it('is kept, changed and deleted for its owner', async (t) => {
    const documents = await open(t)
    const made = await documents.create(TEMPLATE, ALICE)
    const { id } = made
    assert.deepEqual(
      [made.sort, made.body, made.subject, made.project],
      [SORT, TEMPLATE.body, 'test/alice', 'test/red'],
    )
    assert.deepEqual(plain(await documents.get(SORT, id, ALICE)), plain(made))
    const { bytes: _, ...listed } = made
    assert.deepEqual(await documents.list(SORT, ALICE), [listed])
    const renamed = await documents.update(SORT, id, { body: 'new' }, ALICE)
    assert.deepEqual(plain(renamed), plain({ ...made, body: 'new', updatedAt: renamed.updatedAt }))
    assert.deepEqual(plain(await documents.get(SORT, id, ALICE)), plain(renamed))
    assert.equal((await documents.update(SORT, id, { body: 'new', bytes: null }, ALICE)).bytes, undefined)
    await documents.delete(SORT, id, ALICE)
    await rejects(documents.get(SORT, id, ALICE), 'not-found', new RegExp(id))
    await rejects(documents.delete(SORT, id, ALICE), 'not-found')
    assert.deepEqual(await documents.list(SORT, ALICE), [])
  })

  for (const [who, other] of Object.entries(OTHERS))
    it(`is not there for somebody ${who}`, async (t) => {
      const documents = await open(t)
      const made = await documents.create(TEMPLATE, ALICE)
      assert.deepEqual(await documents.list(SORT, other), [])
      await rejects(documents.get(SORT, made.id, other), 'not-found')
      await rejects(documents.update(SORT, made.id, { body: 'theirs' }, other), 'not-found')
      await rejects(documents.delete(SORT, made.id, other), 'not-found')
      assert.deepEqual(plain(await documents.get(SORT, made.id, ALICE)), plain(made))
    })

  it('is not there under another sort', async (t) => {
    const documents = await open(t)
    const { id } = await documents.create(TEMPLATE, ALICE)
    const sort = 'cimi.credential'
    assert.deepEqual(await documents.list(sort, ALICE), [])
    await rejects(documents.get(sort, id, ALICE), 'not-found')
    await rejects(documents.update(sort, id, { body: 'other' }, ALICE), 'not-found')
    await rejects(documents.delete(sort, id, ALICE), 'not-found')
    assert.equal((await documents.get(SORT, id, ALICE)).body, TEMPLATE.body)
  })

  it('can be looked at by a reader, and by nobody of that role be changed', async (t) => {
    const documents = await open(t)
    const { id } = await documents.create(TEMPLATE, ALICE)
    assert.equal((await documents.get(SORT, id, READER)).id, id)
    assert.equal((await documents.list(SORT, READER)).length, 1)
    await rejects(documents.create(TEMPLATE, READER), 'forbidden')
    await rejects(documents.update(SORT, id, { body: 'new' }, READER), 'forbidden')
    await rejects(documents.delete(SORT, id, READER), 'forbidden')
    assert.equal((await documents.get(SORT, id, ALICE)).body, TEMPLATE.body)
  })

  it('has limits, which are told with its size', async (t) => {
    const documents = await open(t)
    // Two bytes each in UTF-8.
    const largest = { sort: SORT, body: 'ü'.repeat(BODY_MAX_BYTES / 2), bytes: new Uint8Array(DATA_MAX_BYTES) }
    const { id } = await documents.create(largest, ALICE)
    const tooMuchText = { ...largest, body: `${largest.body}x` }
    const tooMuchData = { ...largest, bytes: new Uint8Array(DATA_MAX_BYTES + 1) }
    for (const [change, message] of [
      [tooMuchText, /262145 bytes; this server takes 262144$/],
      [tooMuchData, /11 bytes; this server takes 10$/],
    ] as const) {
      await rejects(documents.create(change, ALICE), 'too-large', message)
      await rejects(documents.update(SORT, id, change, ALICE), 'too-large', message)
    }
    assert.equal((await documents.list(SORT, ALICE)).length, 1)
  })

  it('is one of a thousand at most', async (t) => {
    const documents = await open(t)
    await Promise.all(Array.from({ length: 1000 }, () => documents.create({ sort: SORT, body: '' }, ALICE)))
    await rejects(documents.create(TEMPLATE, ALICE), 'conflict', /there are 1000/)
    await documents.create({ ...TEMPLATE, sort: 'cimi.credential' }, ALICE)
  })

  it('is made once for one key, as long as the same is asked for', async (t) => {
    const documents = await open(t)
    const request = { ...TEMPLATE, idempotencyKey: 'k' }
    const [made, ...again] = await Promise.all([1, 2, 3].map(() => documents.create(request, ALICE)))
    assert.ok(made)
    for (const each of again) assert.deepEqual(plain(each), plain(made))
    const { bytes: _, ...bare } = request
    for (const other of [{ ...request, body: 'other' }, { ...request, bytes: Uint8Array.of(1) }, bare])
      await rejects(documents.create(other, ALICE), 'conflict', new RegExp(`used for ${SORT} ${made.id}`))
    assert.equal((await documents.list(SORT, ALICE)).length, 1)
  })

  it('has a key that is its owner’s and its sort’s alone', async (t) => {
    const documents = await open(t)
    const request = { ...TEMPLATE, idempotencyKey: 'k' }
    const made = await Promise.all([
      documents.create(request, ALICE),
      documents.create({ ...request, sort: 'cimi.credential' }, ALICE),
      ...Object.values(OTHERS).map((other) => documents.create(request, other)),
    ])
    assert.equal(new Set(made.map(({ id }) => id)).size, 4)
  })

  it('without data is not the same as one with empty data', async (t) => {
    const documents = await open(t)
    const bare = { sort: SORT, body: 'b', idempotencyKey: 'k' }
    const { id } = await documents.create(bare, ALICE)
    assert.equal((await documents.create(bare, ALICE)).id, id)
    await rejects(documents.create({ ...bare, bytes: Uint8Array.of() }, ALICE), 'conflict')
  })
})
