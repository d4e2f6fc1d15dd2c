import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryProcessProvider } from '../../src/providers/memory/client.ts'
import { memoryProvider } from '../../src/providers/memory/index.ts'
import { startMemoryProcess } from './memory-process.ts'
import { testProvider } from './provider.ts'

testProvider({ name: 'memory', open: async () => ({ provider: memoryProvider() }) })

testProvider({
  name: 'memory, slow to boot and to find',
  open: async () => ({ provider: memoryProvider({ bootMs: 50, capabilities: { settleMs: 100 } }) }),
})

testProvider({
  name: 'memory, with machines alone',
  open: async () => ({ provider: memoryProvider({ volumes: false, networks: false, saveImage: false }) }),
})

testProvider({
  name: 'memory, as a process',
  open: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bellhop-memory-'))
    const socketPath = join(folder, 'cloud.sock')
    const { kill } = await startMemoryProcess({ socketPath })
    const close = async () => {
      await kill()
      await rm(folder, { recursive: true })
    }
    try {
      return { provider: await memoryProcessProvider({ socketPath }), close }
    } catch (error) {
      await close()
      throw error
    }
  },
})
