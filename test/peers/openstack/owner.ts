import { readFile } from 'node:fs/promises'

/** A process, and no later one with its id. */
export interface Owner {
  readonly pid: number
  /** In clock ticks since the machine's boot. */
  readonly startedAt: string
}

/**
 * For whom this test file starts what others may use after it: the test runner, which lives as long as the run; else the
 * file itself.
 */
export async function ownerOfRun(): Promise<Owner> {
  // Node's runner sets this in every file's process.
  const pid = process.env['NODE_TEST_CONTEXT'] === undefined ? process.pid : process.ppid
  return { pid, startedAt: (await startOf(pid)) ?? '' }
}

/** Whether it still runs. */
export async function isAlive({ pid, startedAt }: Owner): Promise<boolean> {
  return (await startOf(pid)) === startedAt
}

/** When the process started; `undefined` where it has ended. @see proc_pid_stat(5), fields 3 and 22 */
export async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The second field is a name in parentheses, and may hold both spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? undefined : fields[19]
}
