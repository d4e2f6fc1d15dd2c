import assert from 'node:assert/strict'

const TIMES = 8
/** Of the time for eight times the work over that for one: linear work takes 8, work in the square 64. */
const RATIO_BAR = 40
const TRIES = 10
/** What takes next to no time cannot be measured, and need not be: in the square it would take seconds. */
const LEAST_MS = 1

/**
 * Asserts that something takes time in proportion to its size, or hardly any.
 *
 * @param workOf makes all ready, and gives what is measured
 */
export function assertLinear(workOf: (size: number) => () => unknown, size: number): void {
  const [one, many] = [workOf(size), workOf(size * TIMES)]
  let [oneMs, manyMs] = [0, Infinity]
  for (let i = 0; i < TRIES && manyMs >= oneMs * RATIO_BAR; i++) {
    oneMs = Math.max(leastMs(one), LEAST_MS)
    manyMs = Math.min(leastMs(many), manyMs)
  }
  const ratio = (manyMs / oneMs).toFixed(0)
  assert.ok(manyMs < oneMs * RATIO_BAR, `${TIMES} times the size takes ${ratio} times the time, at best ${manyMs} ms`)
}

/** The least of some: what else the machine does only adds. */
function leastMs(work: () => unknown): number {
  const once = (): number => {
    const start = performance.now()
    work()
    return performance.now() - start
  }
  return Math.min(once(), once(), once())
}
