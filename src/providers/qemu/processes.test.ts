import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { findProcesses, isProcess, killProcesses } from './processes.ts'

const node = (script: string, mark: string) => [process.execPath, ['-e', script, mark]] as const

describe('processes', () => {
  it('finds processes by their arguments, and kills exactly these', async () => {
    const [mine, other] = [randomUUID(), randomUUID()]
    const children = [mine, mine, other].map((mark) => {
      const [program, parameters] = node('console.log(); setInterval(() => {}, 1000)', mark)
      return spawn(program, parameters, { stdio: ['ignore', 'pipe', 'ignore'] })
    })
    try {
      await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))))
      const isMine = (parameters: readonly string[]) => parameters.includes(mine)
      const pids = children.map(({ pid = 0 }) => pid)
      assert.deepEqual(new Set(await findProcesses(isMine)), new Set(pids.slice(0, 2)))
      await killProcesses(isMine, 10_000)
      assert.deepEqual(await findProcesses(isMine), [])
      assert.ok(await isProcess(pids[2] ?? 0, (parameters) => parameters.includes(other)))
      assert.ok(!(await isProcess(pids[2] ?? 0, isMine)), 'the same pid with other arguments is another program')
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  })
})
