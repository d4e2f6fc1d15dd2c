import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { testStoreDocuments } from './store-documents.ts'
import { testStoreResources } from './store-resources.ts'
import type { StoreUnderTest } from './store-under-test.ts'
import { testStoreWebhooks } from './store-webhooks.ts'
import { testStore } from './store.ts'

const IN_MEMORY = 'a database in memory ends with its store'

const STORES: readonly StoreUnderTest[] = [
  {
    name: 'sqlite, in a file',
    open: async () => {
      const folder = await mkdtemp(join(tmpdir(), 'bellhop-store-'))
      const reopen = () => sqliteStore(join(folder, 'bellhop.db'))
      return { store: await reopen(), reopen, clear: () => rm(folder, { recursive: true }) }
    },
  },
  {
    name: 'sqlite, in memory',
    open: async () => ({ store: await sqliteStore(':memory:') }),
    skip: {
      'still has everything when it is opened again': IN_MEMORY,
      'are all there when the store is opened again': IN_MEMORY,
    },
  },
]

for (const store of STORES) {
  testStore(store)
  testStoreResources(store)
  testStoreDocuments(store)
  testStoreWebhooks(store)
}
