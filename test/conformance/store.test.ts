import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { testStore } from './store.ts'

testStore({
  name: 'sqlite, in a file',
  open: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bellhop-store-'))
    const reopen = () => sqliteStore(join(folder, 'bellhop.db'))
    return { store: await reopen(), reopen, clear: () => rm(folder, { recursive: true }) }
  },
})

testStore({
  name: 'sqlite, in memory',
  open: async () => ({ store: await sqliteStore(':memory:') }),
  skip: { 'still has everything when it is opened again': 'a database in memory ends with its store' },
})
