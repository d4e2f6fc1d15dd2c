import assert from 'node:assert/strict'
import { describe } from 'node:test'
import * as fc from 'fast-check'
import { sha256 } from '../../src/model/digest.ts'
import type { StoredDocument } from '../../src/model/document.ts'
import type { Store } from '../../src/store/store.ts'
import { sampleDocument, text } from './store-samples.ts'
import { plain, rejects, storeTests, type StoreUnderTest } from './store-under-test.ts'

const MAX = 100
const BYTES = Uint8Array.of(0, 255, 10, 13)

/** What every store promises of what front ends keep for users. */
export function testStoreDocuments(under: StoreUnderTest): void {
  describe(`store, documents: ${under.name}`, () => {
    const test = storeTests(under)

    test('come back as they were recorded, to the byte', async (store) => {
      const anyDocument = fc.record(
        { sort: text, body: text, bytes: fc.uint8Array({ maxLength: 300 }) },
        { requiredKeys: ['sort', 'body'], noNullPrototype: true },
      )
      await fc.assert(
        fc.asyncProperty(anyDocument, async (change) => {
          const document = sampleDocument(change)
          await store.insertDocument(document, Infinity)
          assert.deepEqual(plain(await store.getDocument(document.id)), plain(document))
        }),
        { numRuns: 100 },
      )
    })

    test('have bytes of up to 8 MiB', async (store) => {
      const bytes = new Uint8Array(8 * 1024 * 1024).map((_, index) => index % 251)
      const { id } = await insert(store, { bytes })
      assert.equal(sha256((await store.getDocument(id))?.bytes ?? Uint8Array.of()), sha256(bytes))
    })

    test('are listed for their owner, by sort, oldest first, without bytes', async (store) => {
      const { bytes: _, ...second } = await insert(store, { createdAt: 2, bytes: BYTES })
      const first = await insert(store, { createdAt: 1 })
      const third = await insert(store, { createdAt: 3 })
      const otherSort = await insert(store, { sort: 'test.credential' })
      const otherSubject = await insert(store, { subject: 'tokens/bob' })
      const otherProject = await insert(store, { project: 'tokens/other' })
      const { sort, project, subject } = first
      assert.deepEqual(await store.listDocuments({ sort, project, subject }), [first, second, third])
      assert.deepEqual(await store.listDocuments({ sort: 'test.credential', project, subject }), [otherSort])
      assert.deepEqual(await store.listDocuments({ sort, project, subject: 'tokens/bob' }), [otherSubject])
      assert.deepEqual(await store.listDocuments({ sort, project: 'tokens/other', subject }), [otherProject])
      assert.deepEqual(await store.listDocuments({ sort: 'test.none', project, subject }), [])
    })

    test('have each their own id', async (store) => {
      const document = await insert(store)
      const second = sampleDocument({ id: document.id, sort: 'test.other', subject: 'tokens/bob', body: 'other' })
      await rejects(store.insertDocument(second, MAX), 'conflict', new RegExp(`${document.id} is taken`))
      assert.deepEqual(await store.getDocument(document.id), document)
    })

    test('are no more than an owner may have of a sort', async (store) => {
      for (const _ of [1, 2]) await store.insertDocument(sampleDocument(), 2)
      const third = sampleDocument()
      await rejects(store.insertDocument(third, 2), 'conflict', /there are 2 of test\.template/)
      assert.equal(await store.getDocument(third.id), undefined)
      for (const other of [{ sort: 'test.credential' }, { subject: 'tokens/bob' }, { project: 'tokens/other' }])
        await store.insertDocument(sampleDocument(other), 2)
      const [first] = await store.listDocuments(third)
      await store.deleteDocument(first?.id ?? '')
      await store.insertDocument(third, 2)
    })

    test('are no more than that when many are recorded at once', async (store) => {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => store.insertDocument(sampleDocument(), 3)),
      )
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3)
      assert.equal((await store.listDocuments(sampleDocument())).length, 3)
    })

    test('change in body and bytes; bytes that are not named stay, and null drops them', async (store) => {
      const { bytes: _, ...bare } = await insert(store, { bytes: BYTES })
      const changed = { body: 'new', updatedAt: bare.updatedAt + 1 }
      const other = Uint8Array.of(7)
      for (const [change, bytes] of [
        [{}, { bytes: BYTES }],
        [{ bytes: other }, { bytes: other }],
        [{ bytes: null }, {}],
        [{}, {}],
        [{ bytes: Uint8Array.of() }, { bytes: Uint8Array.of() }],
      ] as const) {
        const expected = plain({ ...bare, ...changed, ...bytes })
        assert.deepEqual(plain(await store.updateDocument(bare.id, { ...changed, ...change })), expected)
        assert.deepEqual(plain(await store.getDocument(bare.id)), expected)
      }
    })

    test('that are not there cannot be changed, and deleting them is no error', async (store) => {
      const { id } = await insert(store)
      const kept = await insert(store)
      for (const _ of [1, 2]) await store.deleteDocument(id)
      assert.equal(await store.getDocument(id), undefined)
      await rejects(store.updateDocument(id, { body: 'new', updatedAt: 1 }), 'not-found', new RegExp(id))
      assert.deepEqual(await store.listDocuments(kept), [kept])
    })

    test('are all there when the store is opened again', async (before, reopen) => {
      const document = await insert(before, { bytes: BYTES })
      const store = await reopen()
      assert.deepEqual(plain(await store.getDocument(document.id)), plain(document))
      await rejects(store.insertDocument(sampleDocument(), 1), 'conflict')
    })
  })
}

async function insert(store: Store, change: Partial<StoredDocument> = {}): Promise<StoredDocument> {
  const document = sampleDocument(change)
  await store.insertDocument(document, MAX)
  return document
}
