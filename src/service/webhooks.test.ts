import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { plain, rejects } from '../../test/conformance/store-under-test.ts'
import { ALICE, BOB, READER } from '../../test/e2e/asking.ts'
import { sqliteStore } from '../store/sqlite.ts'
import { endpoints } from '../webhooks/endpoint.ts'
import { webhookUseCases } from './webhooks.ts'

const URL = 'https://portal.example.org/hook'

async function open(t: TestContext) {
  const store = await sqliteStore(':memory:')
  t.after(() => store.close())
  return webhookUseCases({ store, endpoints: endpoints({ allowPrivate: [], allowHttp: false }) })
}

describe('a webhook', () => {
  it("is its project's, with a secret of its own, and hears of all but accesses", async (t) => {
    const webhooks = await open(t)
    const one = await webhooks.create({ url: URL }, ALICE)
    const other = await webhooks.create({ url: URL, kinds: ['access', 'applied', 'access'] }, ALICE)
    assert.ok(!one.kinds.includes('access') && one.kinds.includes('applied'))
    assert.deepEqual(other.kinds, ['access', 'applied'])
    assert.deepEqual([one.secret.length, other.secret.length], [32, 32])
    assert.notDeepEqual(plain(one.secret), plain(other.secret))
    const colleague = { ...ALICE, subject: 'test/carol' }
    assert.deepEqual(plain(await webhooks.get(one.id, colleague)), plain(one))
    await webhooks.delete(one.id, colleague)
    assert.deepEqual(plain(await webhooks.list(ALICE)), plain([other]))
    await rejects(webhooks.get(one.id, ALICE), 'not-found')
  })

  it('is not there for another project, nor to be seen or changed by a reader', async (t) => {
    const webhooks = await open(t)
    const { id } = await webhooks.create({ url: URL }, ALICE)
    await rejects(webhooks.get(id, BOB), 'not-found')
    await rejects(webhooks.delete(id, BOB), 'not-found')
    assert.deepEqual(await webhooks.list(BOB), [])
    await rejects(webhooks.create({ url: URL }, READER), 'forbidden')
    await rejects(webhooks.get(id, READER), 'forbidden')
    await rejects(webhooks.list(READER), 'forbidden')
    await rejects(webhooks.delete(id, READER), 'forbidden')
    assert.equal((await webhooks.list(ALICE)).length, 1)
  })

  it('goes nowhere that is not public, and is one of ten', async (t) => {
    const webhooks = await open(t)
    await rejects(webhooks.create({ url: 'https://169.254.169.254/' }, ALICE), 'invalid', /url: 169\.254/)
    for (let count = 0; count < 10; count++) await webhooks.create({ url: URL }, ALICE)
    await rejects(webhooks.create({ url: URL }, ALICE), 'conflict', /10 webhooks/)
    await webhooks.create({ url: URL }, BOB)
  })
})
