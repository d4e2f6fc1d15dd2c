import { CloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import type { InTurn } from '../turns.ts'
import type { Part } from './attachments.ts'
import type { Control } from './control.ts'
import type { Machine, MachineFolders } from './machine.ts'
import type { Plugging } from './plugging.ts'

/** What volumes and networks share: who has them, and how a machine comes to have them. */
export interface Holdings {
  readonly ask: Control['ask']
  /** Nobody else attaches, deletes or changes a volume or network meanwhile. */
  alone<T>(task: () => Promise<T>): Promise<T>
  /** The machine that `has` it, where there is one. */
  holder(has: (machine: Machine) => boolean): Promise<Machine | undefined>
  isRunning(id: string, call: Call): Promise<boolean>
  /** Does something to each machine that runs and `has` it. */
  each(has: (machine: Machine) => boolean, task: (machine: Machine) => Promise<void>, call: Call): Promise<void>
  /**
   * Gives a machine something, and puts it in where the machine runs. It stands in the record first: a crash in between is
   * mended by the same call again.
   *
   * @param change gives the machine as it then is; unchanged where it has it already
   * @throws {CloudError} not-found, and what `change` throws
   */
  give(id: string, change: (machine: Machine) => Promise<Machine>, partOf: PartOf, call: Call): Promise<Machine>
  /** Takes something away; no error when the machine is gone. @throws {CloudError} conflict when the guest holds it */
  take(id: string, change: (machine: Machine) => Machine, partOf: PartOf, call: Call): Promise<void>
}

/** What is to be put in or taken out of a machine that runs, where there is such. */
type PartOf = (machine: Machine) => Part | undefined

/** @param inTurn the same that the machines' own actions go by */
export function holdings(folders: MachineFolders, control: Control, plugs: Plugging, inTurn: InTurn): Holdings {
  const alone: Holdings['alone'] = (task) => inTurn('volumes and networks', task)
  const isRunning = async (id: string, call: Call) => {
    const { state } = await control.state(id, call)
    return state !== 'inactive' && state !== 'creating'
  }
  return {
    ask: control.ask,
    alone,
    isRunning,
    each: async (has, task, call) => {
      for (const machine of (await folders.all()).filter(has))
        if (await isRunning(machine.id, call)) await task(machine)
    },
    holder: async (has) => (await folders.all()).find(has),
    give: (id, change, partOf, call) =>
      inTurn(id, async () => {
        const before = await folders.read(id)
        if (before === undefined) throw new CloudError('not-found', `no QEMU instance ${id}`)
        const after = await alone(async () => {
          const changed = await change(before)
          if (changed !== before) await folders.replace(changed)
          return changed
        })
        const part = partOf(after)
        if (part === undefined || !(await isRunning(id, call))) return after
        try {
          await plugs.plug(id, part, call)
        } catch (error) {
          // Where the outcome is open, the record stays: the same call again, or taking it away, goes on from there.
          if (error instanceof CloudError && error.code === 'provider-failed' && after !== before)
            await folders.replace(before)
          throw error
        }
        return after
      }),
    take: (id, change, partOf, call) =>
      inTurn(id, async () => {
        const before = await folders.read(id)
        if (before === undefined) return
        const part = partOf(before)
        if (part && (await isRunning(id, call))) await plugs.unplug(id, part, call)
        const after = change(before)
        if (after !== before) await folders.replace(after)
      }),
  }
}
