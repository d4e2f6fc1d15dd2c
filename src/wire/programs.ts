import { spawn } from 'node:child_process'
import { CloudError } from '../model/errors.ts'

/** How a program that was run to its end ended. */
export interface Ended {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How to run a program: where, how long at most, and which Debian package it is in. */
export interface RunOptions {
  readonly debianPackage: string
  readonly limitMs: number
  readonly cwd?: string
  /** Beside those that we have ourselves. */
  readonly environment?: Readonly<Record<string, string>>
}

/**
 * Runs a program until it ends or its time is over; then it is killed for certain (SIGKILL) and `exitCode` is `null`.
 *
 * It has a session of its own, so that a Ctrl-C meant for us does not reach what it leaves running.
 *
 * @throws {CloudError} unavailable when there is no such program
 */
export async function runProgram(program: string, parameters: readonly string[], options: RunOptions): Promise<Ended> {
  const { debianPackage, limitMs, cwd, environment } = options
  const child = spawn(program, parameters, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    timeout: limitMs,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
    ...(environment ? { env: { ...process.env, ...environment } } : {}),
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const { promise, resolve, reject } = Promise.withResolvers<Ended>()
  child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
  child.on('error', (cause) => {
    const advice = `${program} cannot be run: install it (Debian: apt-get install ${debianPackage})`
    reject(new CloudError('unavailable', advice, { cause }))
  })
  return promise
}
