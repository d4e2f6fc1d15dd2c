import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import { runProgram } from './programs.ts'

const OPTIONS = { debianPackage: 'nodejs', limitMs: 60_000 } as const
const node = (script: string) => [process.execPath, ['-e', script]] as const

describe('a program that is run', () => {
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

  it('has the folder and the environment that it is given, beside ours', async () => {
    const [program, parameters] = node(
      'console.log(process.cwd(), process.env.GREETING, process.env.PATH !== undefined)',
    )
    const { stdout } = await runProgram(program, parameters, {
      ...OPTIONS,
      cwd: '/',
      environment: { GREETING: 'hello' },
    })
    assert.equal(stdout, '/ hello true\n')
  })
})
