import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/** Debian's Python, whatever other one stands before it in the path. */
export const PYTHON = '/usr/bin/python3'

/**
 * Whether a real program that a test needs is installed. Where it is not, the test is skipped with the Debian package's
 * name; in CI that is a failure.
 */
export function need(t: Pick<TestContext, 'skip'>, program: string, debianPackage: string): boolean {
  return needRun(
    t,
    ['sh', '-c', 'command -v "$1"', 'sh', program],
    `needs ${program}: apt-get install ${debianPackage}`,
  )
}

/** The same for a module of Debian's Python. */
export function needPython(t: Pick<TestContext, 'skip'>, module: string, debianPackage: string): boolean {
  return needRun(t, [PYTHON, '-c', `import ${module}`], `needs Python's ${module}: apt-get install ${debianPackage}`)
}

/** Whether the test may do what only root can. Where it may not, it is skipped; in CI that is a failure. */
export function needRoot(t: Pick<TestContext, 'skip'>): boolean {
  return process.getuid?.() === 0 || miss(t, 'needs root')
}

function needRun(t: Pick<TestContext, 'skip'>, [program, ...args]: [string, ...string[]], message: string): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch (cause) {
    return miss(t, message, { cause })
  }
}

function miss(t: Pick<TestContext, 'skip'>, message: string, options?: ErrorOptions): false {
  if (process.env['CI']) throw new Error(message, options)
  t.skip(message)
  return false
}
