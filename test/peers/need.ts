import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/**
 * Whether a real program that a test needs is installed. Where it is not, the test is skipped with the Debian package's
 * name; in CI that is a failure.
 */
export function need(t: Pick<TestContext, 'skip'>, program: string, debianPackage: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' })
    return true
  } catch (cause) {
    return miss(t, `needs ${program}: apt-get install ${debianPackage}`, { cause })
  }
}

/** Whether the test may do what only root can. Where it may not, it is skipped; in CI that is a failure. */
export function needRoot(t: Pick<TestContext, 'skip'>): boolean {
  return process.getuid?.() === 0 || miss(t, 'needs root')
}

function miss(t: Pick<TestContext, 'skip'>, message: string, options?: ErrorOptions): false {
  if (process.env['CI']) throw new Error(message, options)
  t.skip(message)
  return false
}
