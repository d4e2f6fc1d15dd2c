import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { isCloudError } from '../../model/errors.ts'
import { findProcesses, isProcess, killProcesses, runProgram } from './processes.ts'

const OPTIONS = { debianPackage: 'nodejs', limitMs: 60_000 } as const
const node = (script: string, mark = '') => [process.execPath, ['-e', script, mark]] as const

describe('processes', () => {
  it('gives what a program said and how it ended', async () => {
    const [program, parameters] = node('console.log("out"); console.error("err"); process.exitCode = 3')
    assert.deepEqual(await runProgram(program, parameters, OPTIONS), { exitCode: 3, stdout: 'out\n', stderr: 'err\n' })
  })

  it('kills what does not end in time, even if it will not hear', async () => {
    const [program, parameters] = node('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)')
    assert.equal((await runProgram(program, parameters, { ...OPTIONS, limitMs: 300 })).exitCode, null)
  })

  it('says which package to install for a program that is not there', async () => {
    await assert.rejects(
      runProgram('no-such-program-here', [], { ...OPTIONS, debianPackage: 'some-package' }),
      (error) => {
        return isCloudError(error, 'unavailable') && error.message.includes('apt-get install some-package')
      },
    )
  })

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
