import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { CloudError, isCloudError, type ErrorCode } from '../model/errors.ts'
import type { Volume } from '../model/volume.ts'
import { memoryProvider } from '../providers/memory/index.ts'
import { sqliteStore } from '../store/sqlite.ts'
import { resourceLifecycle, type ResourceWork } from './lifecycle.ts'

const VOLUME: Volume = {
  id: randomUUID(),
  provider: 'here',
  subject: 'test/alice',
  project: 'test/red',
  state: 'creating',
  spec: { sizeBytes: 512, labels: {} },
  createdAt: 1,
  updatedAt: 1,
}

const fault = (code: ErrorCode) => async (): Promise<never> => {
  throw new CloudError(code, `the cloud says ${code}`)
}

async function open(t: TestContext, work: Partial<ResourceWork<Volume>> = {}) {
  const store = await sqliteStore(':memory:')
  t.after(() => store.close())
  const said: string[] = []
  const say = (_fields: object, message: string): void => void said.push(message)
  const lifecycleWith = (changed: Partial<ResourceWork<Volume>>) =>
    resourceLifecycle(
      {
        store,
        providers: new Map([[VOLUME.provider, memoryProvider({ name: VOLUME.provider })]]),
        log: { info: say, warn: say, error: say },
        closing: new AbortController().signal,
      },
      'volume',
      {
        make: async () => ({ remoteId: 'far', state: 'online' }),
        look: async () => ({}),
        unmake: async () => {},
        ...changed,
      },
    )
  const kept = (): Promise<Volume | undefined> => store.getResource('volume', VOLUME.id)
  return { store, said, kept, lifecycle: lifecycleWith(work), lifecycleWith }
}

const made = async (lifecycle: Awaited<ReturnType<typeof open>>['lifecycle']): Promise<Volume> => {
  await lifecycle.insert(VOLUME)
  return await lifecycle.make(VOLUME, undefined)
}

test('the intent is in the store before the cloud is asked', async (t) => {
  let seen: Volume | undefined
  const { store, kept, lifecycle } = await open(t, {
    make: async ({ id }) => {
      seen = await store.getResource('volume', id)
      return { remoteId: 'far', state: 'online' }
    },
  })
  const volume = await made(lifecycle)
  assert.equal(seen?.state, 'creating')
  assert.deepEqual([volume.remoteId, volume.state], ['far', 'online'])
  assert.deepEqual(await kept(), volume)
})

test('what the cloud refuses is not kept', async (t) => {
  const { kept, lifecycle } = await open(t, { make: fault('conflict') })
  await assert.rejects(made(lifecycle), (error) => isCloudError(error, 'conflict'))
  assert.equal(await kept(), undefined)
})

for (const lost of ['timeout', 'unavailable'] as const)
  test(`after ${lost} it is made later, as what it is`, async (t) => {
    const { kept, lifecycle, lifecycleWith } = await open(t, { make: fault(lost) })
    assert.equal((await made(lifecycle)).state, 'creating')
    assert.equal((await kept())?.state, 'creating')
    await lifecycle.mendAll()
    assert.equal((await kept())?.state, 'creating')
    await lifecycleWith({}).mendAll()
    assert.deepEqual([(await kept())?.remoteId, (await kept())?.state], ['far', 'online'])
  })

test('what is refused when nobody waits any more says so', async (t) => {
  const { kept, said, lifecycle, lifecycleWith } = await open(t, { make: fault('timeout') })
  await made(lifecycle)
  await lifecycleWith({ make: fault('invalid') }).mendAll()
  assert.deepEqual([(await kept())?.state, (await kept())?.reason], ['error', 'the cloud says invalid'])
  assert.ok(said.includes('an unfinished volume waits'))
})

test('what has to wait for something else is left alone', async (t) => {
  const { store, kept, lifecycle } = await open(t, { waits: async () => true, make: fault('invalid') })
  await store.insertResource('volume', VOLUME)
  await lifecycle.mendAll()
  assert.equal((await kept())?.state, 'creating')
})

test('is deleted, also when the answer was lost', async (t) => {
  const { kept, lifecycle, lifecycleWith } = await open(t, { unmake: fault('timeout') })
  const volume = await made(lifecycle)
  await assert.rejects(lifecycle.remove(volume, undefined), (error) => isCloudError(error, 'timeout'))
  assert.equal((await kept())?.state, 'deleting')
  await lifecycleWith({}).mendAll()
  assert.equal(await kept(), undefined)
  await assert.rejects(lifecycle.remove(volume, undefined), (error) => isCloudError(error, 'not-found'))
})

test('stays as it was when the cloud does not let it go', async (t) => {
  const { kept, lifecycle } = await open(t, { unmake: fault('conflict') })
  const volume = await made(lifecycle)
  await assert.rejects(lifecycle.remove(volume, undefined), (error) => isCloudError(error, 'conflict'))
  assert.equal((await kept())?.state, 'online')
})

test('shows what its cloud says, and what was last seen where that is silent', async (t) => {
  const { lifecycle, lifecycleWith } = await open(t)
  const volume = await made(lifecycle)
  assert.deepEqual(await lifecycle.refresh(volume, undefined), volume)
  const offline = await lifecycleWith({ look: async () => ({ state: 'offline' }) }).refresh(volume, undefined)
  assert.equal(offline.state, 'offline')
  assert.deepEqual(await lifecycleWith({ look: fault('timeout') }).refresh(offline, undefined), offline)
  const gone = await lifecycleWith({ look: fault('not-found') }).refresh(offline, undefined)
  assert.deepEqual([gone.state, gone.reason], ['error', 'its cloud does not have it any more'])
  const back = await lifecycleWith({ look: async () => ({ state: 'online' }) }).refresh(gone, undefined)
  assert.deepEqual([back.state, back.reason], ['online', undefined])
})
