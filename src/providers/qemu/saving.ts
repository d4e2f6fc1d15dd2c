import { copyFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { CloudError } from '../../model/errors.ts'
import type { InstanceState } from '../../model/instance.ts'
import type { Call, SaveRequest } from '../provider.ts'
import { recordFolders } from './folders.ts'
import { sourceAt, type ImageSource, type LocalImage } from './images.ts'
import type { Machine, MachineFolders } from './machine.ts'
import { toSlug } from './map.ts'
import { qemuImg } from './qemu-img.ts'
import type { Control } from './control.ts'

/** What is kept of an image that was saved, as `image.json` beside its disk. */
type SavedRecord = Pick<SaveRequest, 'id' | 'title' | 'project'>

const DISK = 'disk.qcow2'
const CONTINUE_MS = 10_000

/** The images that were saved from machines. */
export interface SavedImages {
  list(): Promise<readonly LocalImage[]>
  /** @throws {CloudError} unsupported when the machine has no disk, or would have to be paused and must not be */
  save(machine: Machine, state: InstanceState, request: SaveRequest, call: Call): Promise<LocalImage>
  /** No error when it is gone; no machine may be made meanwhile. @throws {CloudError} conflict while a machine needs it */
  remove(id: string): Promise<void>
}

export function savedImages(
  provider: string,
  stateDir: string,
  machines: MachineFolders,
  { ask }: Pick<Control, 'ask'>,
): SavedImages {
  const folders = recordFolders<SavedRecord>(join(stateDir, 'saved'), 'image.json')
  const toImage = async ({ id, title, project }: SavedRecord): Promise<LocalImage> => {
    const folder = folders.path(id)
    const disk = { kind: 'disk', path: join(folder, DISK), format: 'qcow2' } as const
    const name = `${provider}-${toSlug(title)}-${id.slice(0, 8)}`
    return { image: { name, provider, remoteId: id, title, project }, source: (await sourceAt(folder)) ?? disk }
  }

  return {
    list: async () => await Promise.all((await folders.all()).map(toImage)),
    async save(machine, state, { id, title, project, method }, call) {
      const earlier = await folders.read(id)
      if (earlier) return await toImage(earlier)
      const { source } = machine
      if (source.kind === 'kernel' && source.disk === undefined)
        throw new CloudError(
          'unsupported',
          `instance ${machine.id} has no disk of its own: it runs from its kernel and initial file system alone`,
        )
      const isActive = state === 'active'
      if (isActive && method === 'hot')
        throw new CloudError(
          'unsupported',
          `instance ${machine.id} runs; QEMU pauses it for the copy (deferred, not hot)`,
        )
      const record = { id, title, project }
      const copy = () => folders.add(record, (folder) => fill(folder, machine, source, call))
      if (isActive) await paused(machine.id, copy, call)
      else await copy()
      return await toImage(record)
    },
    async remove(id) {
      const user = (await machines.all()).find(({ source }) => isOf(id, source))
      if (user)
        throw new CloudError(
          'conflict',
          `instance ${user.id} was started from image ${id} and needs it; delete it first`,
        )
      await folders.remove(id)
    },
  }

  async function fill(folder: string, { id }: Machine, source: ImageSource, call: Call): Promise<void> {
    // -U: QEMU has the disk open, but does not write while the machine is paused.
    const overlay = machines.path(id, 'overlay')
    await qemuImg(
      ['convert', '-q', '-U', '-O', 'qcow2', '--', overlay, join(folder, DISK)],
      Math.max(1, call.deadline - Date.now()),
    )
    if (source.kind === 'disk') return
    await copyFile(source.kernel, join(folder, 'kernel'))
    if (source.initrd !== undefined) await copyFile(source.initrd, join(folder, 'initrd'))
    await writeFile(join(folder, 'cmdline'), `${source.commandLine}\n`)
  }

  /** QEMU writes out what its cache holds as it pauses. However the copy ends, the machine goes on. */
  async function paused(id: string, task: () => Promise<void>, call: Call): Promise<void> {
    await ask(id, 'stop', call)
    try {
      await task()
    } finally {
      // The call may be over by now.
      await ask(id, 'cont', { signal: new AbortController().signal, deadline: Date.now() + CONTINUE_MS })
    }
  }
}

/** Whether it is the image's: each has a folder for itself. Another image never needs it, for a copy is whole. */
function isOf(id: string, source: ImageSource): boolean {
  return basename(dirname(source.kind === 'disk' ? source.path : source.kernel)) === id
}
