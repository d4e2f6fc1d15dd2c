import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { MemoryProviderOptions } from '../../src/providers/memory/index.ts'

const PROCESS = fileURLToPath(new URL('../../src/providers/memory/process.ts', import.meta.url))

/** How the process is started. */
export interface MemoryProcessOptions {
  readonly socketPath: string
  /** Where its machines outlive the process itself. */
  readonly statePath?: string
  readonly options?: MemoryProviderOptions
}

/**
 * Starts the cloud in memory as a process of its own; resolves once it listens.
 *
 * @returns `kill`, which ends it at once and waits for its end
 */
export async function startMemoryProcess({ socketPath, statePath, options = {} }: MemoryProcessOptions) {
  const state = statePath === undefined ? [] : ['--state', statePath]
  const given = ['--socket', socketPath, ...state, '--options', JSON.stringify(options)]
  const child = spawn(process.execPath, [PROCESS, ...given], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const early = ended.then(([code]) => Promise.reject(new Error(`the memory provider's process ended with ${code}`)))
  await Promise.race([once(child.stdout, 'data'), early])
  early.catch(() => {})
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
