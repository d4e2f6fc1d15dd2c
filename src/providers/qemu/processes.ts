import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CloudError } from '../../model/errors.ts'

/** The ids of all processes whose arguments (the program's name first) are as wanted. */
export async function findProcesses(wanted: (parameters: readonly string[]) => boolean): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(async (pid) => ((await isProcess(pid, wanted)) ? [pid] : [])))
  return found.flat()
}

/** Whether the process runs and its arguments are as wanted: a process id alone may mean another program by now. */
export async function isProcess(pid: number, wanted: (parameters: readonly string[]) => boolean): Promise<boolean> {
  // A zombie has no arguments left, and a process that is gone no file.
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text !== '' && wanted(text.split('\0'))
}

/**
 * Kills processes (SIGKILL) until none is left that is wanted: one that forks while it is looked for is found later.
 *
 * @throws {CloudError} provider-failed when some are still there after `limitMs`
 */
export async function killProcesses(
  wanted: (parameters: readonly string[]) => boolean,
  limitMs: number,
): Promise<void> {
  const deadline = Date.now() + limitMs
  for (let pids = await findProcesses(wanted); pids.length > 0; pids = await findProcesses(wanted)) {
    if (Date.now() >= deadline) throw new CloudError('provider-failed', `process ${pids.join(', ')} cannot be killed`)
    for (const pid of pids) kill(pid)
    await sleep(20)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile, or is not ours: the next look shows which.
  }
}
