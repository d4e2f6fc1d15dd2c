import { CloudError, isCloudError } from '../../model/errors.ts'
import { pause } from '../call.ts'
import type { Call } from '../provider.ts'
import type { Part } from './attachments.ts'
import type { Control } from './control.ts'

/** Puts parts into a machine that runs, and takes them out; both may be repeated, and go on where a crash ended them. */
export interface Plugging {
  plug(id: string, part: Part, call: Call): Promise<void>
  /** @throws {CloudError} conflict when the guest does not let go of it */
  unplug(id: string, part: Part, call: Call): Promise<void>
}

/** A guest that is able to lets go within a second; an emulated one on a busy host may need some. */
const LET_GO_MS = 10_000
const LOOK_AGAIN_MS = 100
const LOOKS_A_WISH = 10

export function plugging({ ask }: { readonly ask: Control['ask'] }): Plugging {
  const isPlugged = async (id: string, { device }: Part, call: Call): Promise<boolean> => {
    const answer = await ask(id, 'qom-list', call, { path: '/machine/peripheral' })
    return Array.isArray(answer) && answer.some((each: { readonly name?: unknown }) => each.name === device.id)
  }
  const addBackend = ({ backend: { kind, options } }: Part, id: string, call: Call) =>
    kind === 'blockdev' ? ask(id, 'blockdev-add', call, options) : ask(id, 'netdev_add', call, options)
  const hasNode = async (name: string, id: string, call: Call): Promise<boolean> => {
    const nodes = await ask(id, 'query-named-block-nodes', call, { flat: true })
    return Array.isArray(nodes) && nodes.some((node: { readonly 'node-name'?: unknown }) => node['node-name'] === name)
  }
  /** No error when it is not there: of networks, QEMU's own refusal is the only way to know. */
  const dropBackend = async ({ backend }: Part, id: string, call: Call) => {
    if (backend.kind === 'netdev') {
      await ask(id, 'netdev_del', call, { id: backend.id }).catch(unlessRefused)
      return
    }
    // A device that is gone may hold its disk a moment longer; as long as it does, nobody else can open the file.
    while (await hasNode(backend.id, id, call)) {
      await ask(id, 'blockdev-del', call, { 'node-name': backend.id }).catch(unlessRefused)
      await pause(LOOK_AGAIN_MS, call, 'QEMU: letting go of a disk')
    }
  }

  return {
    async plug(id, part, call) {
      if (await isPlugged(id, part, call)) return
      await dropBackend(part, id, call)
      await addBackend(part, id, call)
      try {
        await ask(id, 'device_add', call, part.device)
      } catch (error) {
        await dropBackend(part, id, call)
        throw error
      }
    },

    async unplug(id, part, call) {
      const until = Math.min(Date.now() + LET_GO_MS, call.deadline)
      for (let looks = 0; await isPlugged(id, part, call); looks++) {
        // A guest that boots loses the wish, and while an earlier one waits, QEMU refuses another.
        if (looks % LOOKS_A_WISH === 0) await ask(id, 'device_del', call, { id: part.device.id }).catch(unlessRefused)
        if (Date.now() >= until)
          throw new CloudError(
            'conflict',
            `the guest of instance ${id} does not let go of the device; try again once it has booted, or stop it first`,
          )
        await pause(LOOK_AGAIN_MS, call, 'QEMU: taking a device away')
      }
      await dropBackend(part, id, call)
    },
  }
}

function unlessRefused(error: unknown): void {
  if (!isCloudError(error, 'provider-failed')) throw error
}
