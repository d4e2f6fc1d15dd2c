import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly bytes: Buffer
  /** The same as text. */
  readonly stdout: string
  readonly stderr: string
}

/** What a program is started with; without `input` its standard input is empty. */
export interface Surroundings {
  readonly input?: string | Uint8Array
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a program to its end, whatever that is. */
export async function run(program: string, args: readonly string[], around: Surroundings = {}): Promise<Ended> {
  const { input = '', cwd = ROOT, env = process.env } = around
  const child = spawn(program, args, { cwd, env, stdio: 'pipe' })
  // A program that ends before it has read everything is judged by its exit code.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = once(child, 'close') as Promise<[number | null]>
  const [bytes, stderr, [code]] = await Promise.all([buffer(child.stdout), text(child.stderr), ended])
  return { code, bytes, stdout: bytes.toString('utf8'), stderr }
}
