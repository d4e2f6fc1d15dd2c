import { open, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import { runProgram } from '../../wire/programs.ts'
import { pause } from '../call.ts'
import type { Call, RemoteInstance } from '../provider.ts'
import { bestAccelerator, QEMU, type Accelerator } from './accel.ts'
import { askQmp, type QmpCommand, type QmpParameters } from './api.ts'
import { processName, toArguments } from './arguments.ts'
import { FILES, type Machine, type MachineFolders } from './machine.ts'
import { fromStatus } from './map.ts'
import { findNetcat } from './netcat.ts'
import { findProcesses, isProcess, killProcesses } from './processes.ts'

/** What can be done with the QEMU process of a machine. */
export interface Control {
  /** What machines run with here; `undefined` as long as that must be found out and none was started. */
  runsWith(): Accelerator | undefined
  /** Starts QEMU; the guest runs when this resolves. @throws {CloudError} unavailable, provider-failed */
  launch(machine: Machine): Promise<void>
  /** Whether QEMU was ever started for it, as far as one can see. */
  wasLaunched(id: string): Promise<boolean>
  state(id: string, call: Call): Promise<Pick<RemoteInstance, 'state' | 'reason'>>
  readonly ask: <C extends QmpCommand>(
    id: string,
    command: C,
    call: Call,
    parameters?: QmpParameters[C],
  ) => Promise<unknown>
  /** Presses the power button and waits for the guest; after `graceMs` (0: at once) the plug is pulled. */
  powerOff(id: string, graceMs: number, call: Call): Promise<void>
  /** Ends every process of the machine, even such as no pid file tells of. @throws {CloudError} provider-failed */
  destroy(id: string): Promise<void>
}

/** How QEMU is run; `auto` is KVM where a guest really runs with it. */
export interface ControlOptions {
  readonly accel: 'auto' | Accelerator
  readonly log: (line: string) => void
  /** Where the disk of a volume is. */
  readonly volumePath: (id: string) => string
}

const LAUNCH_MS = 60_000
const KILL_MS = 10_000
// So much of a call's time is kept for pulling the plug when the guest did not go by itself.
const RESERVE_MS = 3000
const LOOK_AGAIN_MS = 50

export function machineControl(folders: MachineFolders, { accel, log, volumePath }: ControlOptions): Control {
  const isRunning = async (id: string): Promise<boolean> => {
    const pid = Number(await readFile(folders.path(id, 'pid'), 'utf8').catch(() => '0'))
    return pid > 0 && isProcess(pid, isQemuOf(id))
  }

  const ask: Control['ask'] = async (id, command, call, parameters) => {
    // A socket's path may have 107 bytes; the folder's may be longer. Its descriptor stands for it.
    await using folder = await open(folders.path(id)).catch((cause: unknown) => {
      throw new CloudError('not-found', `no QEMU instance ${id}`, { cause })
    })
    return await askQmp(`/proc/self/fd/${folder.fd}/${FILES.control}`, command, call, parameters)
  }

  const endsWithin = async (id: string, ms: number, call: Call): Promise<boolean> => {
    const until = Date.now() + ms
    while (await isRunning(id)) {
      if (Date.now() >= until) return false
      await pause(LOOK_AGAIN_MS, call, 'QEMU: power off')
    }
    return true
  }

  let runsWith = accel === 'auto' ? undefined : accel
  return {
    runsWith: () => runsWith,

    async launch(machine) {
      const accelerator = accel === 'auto' ? await bestAccelerator(log) : accel
      runsWith = accelerator
      const netcat = machine.metadataSocketPath === undefined ? {} : { netcat: await findNetcat() }
      const parameters = toArguments(machine, { accelerator, volumePath, ...netcat })
      const cwd = folders.path(machine.id)
      const { exitCode, stderr } = await runProgram(QEMU.program, parameters, { ...QEMU, limitMs: LAUNCH_MS, cwd })
      // QEMU locks its pid file, so of two launches at once one fails: the machine runs all the same.
      if (exitCode === 0 || (await findProcesses(isQemuOf(machine.id))).length > 0) return
      throw new CloudError('provider-failed', `QEMU did not start: ${stderr.trim() || `exit code ${exitCode}`}`)
    },

    async wasLaunched(id) {
      return (await folders.has(id, 'console')) || (await findProcesses(isQemuOf(id))).length > 0
    },

    async state(id, call) {
      if (!(await isRunning(id))) return { state: (await folders.has(id, 'console')) ? 'inactive' : 'creating' }
      try {
        return fromStatus(await ask(id, 'query-status', call))
      } catch (error) {
        if (!isCloudError(error) || call.signal.aborted) throw error
        if (!(await isRunning(id))) return { state: 'inactive' }
        // QEMU makes its control socket a moment after its pid file.
        return (await folders.has(id, 'control'))
          ? { state: 'unknown', reason: reasonOf(error) }
          : { state: 'creating' }
      }
    },

    ask,

    async powerOff(id, graceMs, call) {
      const patienceMs = Math.min(graceMs, call.deadline - Date.now() - RESERVE_MS)
      if (patienceMs > 0) {
        await ask(id, 'system_powerdown', call).catch(async (error: unknown) => {
          if (await isRunning(id)) throw error
        })
        if (await endsWithin(id, patienceMs, call)) return
      }
      // `quit` writes out what the disk's cache holds; a QEMU that does not even listen is killed.
      await ask(id, 'quit', call).catch(() => {})
      if (!(await endsWithin(id, RESERVE_MS, call))) await killProcesses(isQemuOf(id), KILL_MS)
    },

    async destroy(id) {
      const machine = await folders.read(id).catch(() => undefined)
      const isNetcat = isNetcatFor(machine?.metadataSocketPath)
      await killProcesses((parameters) => isQemuOf(id)(parameters) || isNetcat(parameters), KILL_MS)
    },
  }
}

function isQemuOf(id: string): (parameters: readonly string[]) => boolean {
  const name = processName(id)
  return ([program = '', ...parameters]) => basename(program) === QEMU.program && parameters.includes(name)
}

function isNetcatFor(socketPath: string | undefined): (parameters: readonly string[]) => boolean {
  if (socketPath === undefined) return () => false
  return ([program = '', ...parameters]) => basename(program).startsWith('nc') && parameters.includes(socketPath)
}
