import { rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { injectFiles } from '../../deliveries/injection.ts'
import { openWorkspace } from '../../deliveries/injection-workspace.ts'
import { CloudError } from '../../model/errors.ts'
import type { Files } from '../../model/files.ts'
import type { Action, InstanceState } from '../../model/instance.ts'
import { checkCall } from '../call.ts'
import type { Call, CreateRequest, Provider, RemoteInstance } from '../provider.ts'
import type { Accelerator } from './accel.ts'
import { renumbered, toAttachedCard, toAttachedDisk, withAttachments } from './attachments.ts'
import { capabilitiesOf, type InjectionRule } from './capabilities.ts'
import { readConsole } from './console.ts'
import { machineControl } from './control.ts'
import { demoGuestDir } from './demo-guest/recipe.ts'
import { placesIn, readImages, type ImagePlace, type LocalImage } from './images.ts'
import { isFolderId } from './folders.ts'
import { holdings } from './holdings.ts'
import { FILES, machineFolders, type Machine } from './machine.ts'
import { SIZES, toSize, type SizeOption } from './map.ts'
import { networkOf } from './network.ts'
import { qemuNetworks } from './networks.ts'
import { createOverlay } from './overlay.ts'
import { plugging } from './plugging.ts'
import { savedImages } from './saving.ts'
import { qemuVolumes, volumeFolders } from './volumes.ts'
import { oneAtATime } from '../turns.ts'

/** Where machines and images are, and how they run. */
export interface QemuProviderOptions {
  readonly name?: string
  /** Holds a folder for each machine: its disk, console and control socket. */
  readonly stateDir: string
  /** Disk images (qcow2, raw) and folders with `kernel`, `initrd`, `cmdline`, `disk.qcow2`: each is an image. */
  readonly imagesDir?: string
  /** Further images, before those of the folder; by default the demo guest, once it is built. */
  readonly images?: readonly ImagePlace[]
  readonly sizes?: readonly SizeOption[]
  /** `auto` (default): KVM where a guest really runs with it, else TCG. */
  readonly accel?: 'auto' | Accelerator
  /** `always`: files are injected beside all else, into every image; `last-resort` (default): where they are asked for. */
  readonly injection?: InjectionRule
  /** How long a guest that is told to stop may take before the plug is pulled, in milliseconds (default 30 s). */
  readonly stopGraceMs?: number
  readonly log?: (line: string) => void
}

const ALLOWED: Readonly<Record<Action, readonly InstanceState[]>> = {
  start: ['inactive', 'suspended'],
  stop: ['active', 'suspended', 'error', 'unknown'],
  restart: ['active'],
  suspend: ['active'],
  resume: ['suspended'],
}

/**
 * Machines on this host, one QEMU process each. They outlive us: what is in `stateDir` and in `/proc` is all there is to
 * know, so a new provider on the same folder finds them again.
 *
 * @example
 * const qemu = qemuProvider({ stateDir: '/var/lib/bellhop/qemu', imagesDir: '/srv/images' })
 */
export function qemuProvider(options: QemuProviderOptions): Provider {
  const { name = 'qemu', sizes = SIZES, accel = 'auto', injection = 'last-resort' } = options
  const { stopGraceMs = 30_000, log = () => {} } = options
  const folders = machineFolders(options.stateDir)
  const volumeFiles = volumeFolders(options.stateDir)
  const control = machineControl(folders, { accel, log, volumePath: volumeFiles.disk })
  const inTurn = oneAtATime()
  const machines = holdings(folders, control, plugging(control), inTurn)
  const volumes = qemuVolumes(volumeFiles, machines)
  const networks = qemuNetworks(name, options.stateDir, machines)
  const saved = savedImages(name, options.stateDir, folders, control)

  const images = async (): Promise<readonly LocalImage[]> => {
    const single = options.images ?? [{ path: demoGuestDir(), id: 'demo-guest' }]
    const places = [...single, ...(options.imagesDir === undefined ? [] : await placesIn(options.imagesDir))]
    return [...(await readImages(name, places)), ...(await saved.list())]
  }

  const describe = async (id: string, call: Call): Promise<RemoteInstance> => {
    const { disks = [], cards = [] } = (await folders.read(id)) ?? {}
    return {
      remoteId: id,
      ourId: id,
      network: networkOf(id, cards),
      attached: [...disks.map(toAttachedDisk), ...cards.map(toAttachedCard)],
      ...(await control.state(id, call)),
    }
  }

  // One that was made ready but never started is as good as none: whoever made it died, and `create` does it again.
  const exists = async (id: string): Promise<boolean> => {
    return (await folders.read(id)) !== undefined && (await control.wasLaunched(id))
  }

  const find = async (id: string, call: Call): Promise<RemoteInstance | undefined> => {
    checkCall(call, `finding QEMU instance ${id}`)
    return (await exists(id)) ? describe(id, call) : undefined
  }

  const get = async (id: string, call: Call): Promise<RemoteInstance> => {
    const instance = await find(id, call)
    if (instance === undefined) throw notFound(id)
    return instance
  }

  const start = async (id: string, call: Call): Promise<void> => {
    const before = await folders.read(id)
    if (before === undefined) throw notFound(id)
    const { hasNewSeed: _, ...machine } = renumbered(before)
    await folders.replace(machine)
    await control.launch(machine)
    await networks.cutDown(machine, call)
  }

  const actions: Readonly<Record<Action, (before: RemoteInstance, call: Call, method?: string) => Promise<void>>> = {
    start: async ({ remoteId, state }, call) => {
      await (state === 'suspended' ? control.ask(remoteId, 'cont', call) : start(remoteId, call))
    },
    // A guest that does not run cannot hear the power button; `poweroff` is OCCI's word for pulling the plug.
    stop: ({ remoteId, state }, call, method) => {
      return control.powerOff(remoteId, state === 'active' && method !== 'poweroff' ? stopGraceMs : 0, call)
    },
    // OCCI's `cold` and `graceful` make a new machine of it, all else presses the reset button; then QEMU keeps its disks.
    restart: async ({ remoteId }, call, method) => {
      const hasNewSeed = (await folders.read(remoteId))?.hasNewSeed === true
      if (method === 'cold' || method === 'graceful' || hasNewSeed) {
        await control.powerOff(remoteId, method === 'graceful' ? stopGraceMs : 0, call)
        await start(remoteId, call)
      } else await control.ask(remoteId, 'system_reset', call)
    },
    suspend: async ({ remoteId }, call) => void (await control.ask(remoteId, 'stop', call)),
    resume: async ({ remoteId }, call) => void (await control.ask(remoteId, 'cont', call)),
  }

  return {
    name,
    capabilities: capabilitiesOf(injection, () => control.runsWith()),

    async images(call) {
      checkCall(call, "QEMU's images")
      return (await images()).map(({ image }) => image)
    },

    async sizes(call) {
      checkCall(call, "QEMU's sizes")
      return sizes.map((size) => toSize(name, size))
    },

    create: (request, call) =>
      inTurn(request.id, async () => {
        const existing = await find(request.id, call)
        if (existing) return existing
        const machine = toMachine(request, await images())
        try {
          await machines.alone(async () => {
            await volumes.check(request.volumes ?? [], machine.id)
            await networks.check(request.networks ?? [])
            await folders.add(machine, (folder) => fill(folder, machine, request))
          })
          checkCall(call, `creating QEMU instance ${machine.id}`)
          await control.launch(machine)
          await networks.cutDown(machine, call)
        } catch (error) {
          await control.destroy(machine.id)
          await folders.remove(machine.id)
          throw error
        }
        return describe(machine.id, call)
      }),

    find,
    get,

    async list(call) {
      checkCall(call, 'listing QEMU instances')
      const found = await Promise.all((await folders.ids()).map((id) => find(id, call)))
      return found.filter((instance) => instance !== undefined)
    },

    act: (remoteId, action, call, method) =>
      inTurn(remoteId, async () => {
        const before = await get(remoteId, call)
        if (!ALLOWED[action].includes(before.state))
          throw new CloudError('conflict', `${action}: QEMU instance ${remoteId} is ${before.state}`)
        await actions[action](before, call, method)
      }),

    delete: (remoteId, call) =>
      inTurn(remoteId, async () => {
        checkCall(call, `deleting QEMU instance ${remoteId}`)
        if (!isFolderId(remoteId)) return
        const machine = await folders.read(remoteId).catch(() => undefined)
        // What QEMU has not written out yet would be lost with it; the machine's own disk is gone anyway, a volume stays.
        if (machine?.disks?.length) await control.powerOff(remoteId, 0, call)
        await control.destroy(remoteId)
        await folders.remove(remoteId)
      }),

    volumes: volumes.group,
    networks: networks.group,

    foresee: ({ id, networks }) => networkOf(id, networks),

    saveImage: (remoteId, request, call) =>
      inTurn(remoteId, async () => {
        const { state } = await get(remoteId, call)
        const machine = await folders.read(remoteId)
        if (machine === undefined) throw notFound(remoteId)
        return (await saved.save(machine, state, request, call)).image
      }),

    deleteImage: (remoteId, call) =>
      machines.alone(async () => {
        checkCall(call, `deleting image ${remoteId}`)
        const found = (await images()).find(({ image }) => image.remoteId === remoteId)
        if (found && found.image.project === undefined)
          throw new CloudError('unsupported', `image ${remoteId} is for all; it cannot be deleted`)
        await saved.remove(remoteId)
      }),

    renewDisk: (remoteId, { image, format }, call) =>
      inTurn(remoteId, async () => {
        await get(remoteId, call)
        const machine = await folders.read(remoteId)
        if (machine?.seed === undefined)
          throw new CloudError('unsupported', `QEMU instance ${remoteId} was made without a seed disk`)
        await folders.replace({ ...machine, seed: format, hasNewSeed: true })
        // What runs has the old file open still, and reads it to its end.
        const seed = folders.path(remoteId, 'seed')
        await writeFile(`${seed}.new`, image, { mode: 0o600 })
        await rename(`${seed}.new`, seed)
      }),

    async console(remoteId, from, call) {
      checkCall(call, `reading the console of QEMU instance ${remoteId}`)
      if (!(await exists(remoteId))) throw notFound(remoteId)
      return readConsole(folders.path(remoteId, 'console'), from)
    },
  }
}

/** The machine's disks: an overlay of its own over the image, and what was offered as a disk. */
async function fill(folder: string, { source }: Machine, { size, offers }: CreateRequest): Promise<void> {
  const disk = source.kind === 'disk' ? source : source.disk
  const virtualBytes = disk ? await createOverlay(join(folder, FILES.overlay), disk, size.diskGiB) : 0
  for (const offer of offers) {
    if (offer.method === 'disk') await writeFile(join(folder, FILES.seed), offer.image, { mode: 0o600 })
    // The overlay is the machine's own: what is injected is in no other machine, and the image stays as it is.
    if (offer.method === 'injection') await injectInto(folder, virtualBytes, offer.files)
  }
}

/** What the image has under a file's name is kept beside it: nobody is there to be asked. */
async function injectInto(folder: string, virtualBytes: number, files: Files): Promise<void> {
  await using work = await openWorkspace(folder)
  const [disk, own] = [join(folder, FILES.overlay), join(work.folder, FILES.overlay)]
  await rename(disk, own)
  await injectFiles({ folder: work.folder, file: FILES.overlay, format: 'qcow2', virtualBytes }, files, {
    existing: 'keep',
  })
  await rename(own, disk)
}

/** @throws {CloudError} invalid, unsupported, not-found */
function toMachine(
  { id, image, size, offers, volumes, networks }: CreateRequest,
  images: readonly LocalImage[],
): Machine {
  if (!isFolderId(id)) throw new CloudError('invalid', `QEMU instances need a UUID in lower case as id, not ${id}`)
  const source = images.find((each) => each.image.remoteId === image.remoteId)?.source
  if (!source)
    throw new CloudError('not-found', `image ${image.name}: its file ${image.remoteId} is not there (any more)`)
  const bare = { id, source, cores: size.cores, memoryMiB: size.memoryMiB }
  const machine = offers.reduce<Machine>((machine, offer) => {
    if (offer.method === 'metadata') return { ...machine, metadataSocketPath: resolve(offer.socketPath) }
    if (offer.method === 'disk') return { ...machine, seed: offer.format }
    if (source.kind === 'disk' || source.disk) return machine
    throw new CloudError('unsupported', `image ${image.name} has no disk that files could be injected into`)
  }, bare)
  return withAttachments(machine, volumes, networks)
}

function notFound(id: string): CloudError {
  return new CloudError('not-found', `no QEMU instance ${id}`)
}
