import { CPU, type Accelerator } from './accel.ts'
import { cardPart, diskPart, ownCards, type Part } from './attachments.ts'
import { FILES, type Machine } from './machine.ts'
import { macOf, NETWORK } from './network.ts'

const METADATA_ADDRESS = '169.254.169.254'
// Stock cloud-init (its ds-identify) asks the OpenStack source only where it finds this product.
const SYSTEM = { manufacturer: 'OpenStack Foundation', product: 'OpenStack Nova' } as const

/** How the host runs guests, found out once per process. */
export interface Host {
  readonly accelerator: Accelerator
  /** The full path of OpenBSD's netcat; needed by machines with a metadata server. */
  readonly netcat?: string
  /** Where the disk of a volume is. */
  readonly volumePath: (id: string) => string
}

/** The name by which a machine's process is known. */
export function processName(id: string): string {
  return `bellhop-${id}`
}

/** QEMU's arguments for a machine; to be started in the machine's folder. */
export function toArguments(machine: Machine, host: Host): readonly string[] {
  return [
    ['-name', processName(machine.id), '-nodefaults', '-no-user-config', '-display', 'none'],
    ['-machine', 'pc', '-accel', host.accelerator, '-cpu', CPU[host.accelerator]],
    ['-smp', `${machine.cores}`, '-m', `${machine.memoryMiB}`],
    ['-smbios', option('type=1', { ...SYSTEM, uuid: machine.id })],
    ['-device', 'virtio-rng-pci'],
    ['-chardev', option('file', { id: 'console', path: FILES.console, append: 'on' }), '-serial', 'chardev:console'],
    ['-chardev', option('socket', { id: 'control', path: FILES.control, server: 'on', wait: 'off' })],
    ['-mon', 'chardev=control,mode=control'],
    ['-netdev', option('user', { id: 'net0', ipv6: 'off', ...NETWORK, guestfwd: forwarding(machine, host) })],
    // Without a romfile, QEMU need not offer a network boot that would delay every start.
    ['-device', option('virtio-net-pci', { netdev: 'net0', mac: macOf(machine.id), romfile: '' })],
    sourceArguments(machine),
    seedArguments(machine),
    // After the machine's own: the guest counts its devices in this order.
    (machine.disks ?? []).flatMap((disk) => partArguments(diskPart(disk, host.volumePath(disk.volumeRemoteId)))),
    ownCards(machine).flatMap((card) => partArguments(cardPart(card))),
    ['-daemonize', '-pidfile', FILES.pid],
  ].flat()
}

/**
 * One netcat per connection joins the guest to its own Unix socket. `-N` passes the guest's end of the connection on (the
 * server's it passes on by itself), `-w` ends what both sides forgot.
 *
 * Without a metadata server the address still answers nothing, instead of what may listen on the host's own port 80.
 */
function forwarding(machine: Machine, host: Host): string {
  const socket = machine.metadataSocketPath
  const command =
    socket === undefined ? '/bin/false' : `${shellWord(host.netcat ?? 'nc')} -N -w 60 -U ${shellWord(socket)}`
  return `tcp:${METADATA_ADDRESS}:80-cmd:${command}`
}

function sourceArguments({ source }: Machine): readonly string[] {
  if (source.kind === 'disk') return overlayArguments()
  const initrd = source.initrd === undefined ? [] : ['-initrd', source.initrd]
  const disk = source.disk === undefined ? [] : overlayArguments()
  return ['-kernel', source.kernel, ...initrd, '-append', source.commandLine, ...disk]
}

/** Before any seed, so that it is the guest's first disk. */
function overlayArguments(): readonly string[] {
  const drive = option('', { file: FILES.overlay, format: 'qcow2', if: 'none', id: 'disk0', discard: 'unmap' })
  return ['-drive', drive, '-device', 'virtio-blk-pci,drive=disk0,bootindex=1']
}

/** An ISO is a CD-ROM, as guests expect of a config drive; VFAT is a disk that cannot be written. */
function seedArguments({ seed }: Machine): readonly string[] {
  if (seed === undefined) return []
  const drive = ['-drive', option('', { file: FILES.seed, format: 'raw', if: 'none', id: 'seed', readonly: 'on' })]
  if (seed === 'vfat') return [...drive, '-device', 'virtio-blk-pci,drive=seed']
  return [...drive, '-device', 'virtio-scsi-pci', '-device', 'scsi-cd,drive=seed']
}

function partArguments({ backend, device }: Part): readonly string[] {
  return [`-${backend.kind}`, JSON.stringify(backend.options), '-device', JSON.stringify(device)]
}

/** One of QEMU's `kind,key=value,…` arguments, in which a comma in a value is doubled. */
function option(kind: string, values: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(values).map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`)
  return [...(kind === '' ? [] : [kind]), ...pairs].join(',')
}

/** A word that QEMU's own shell-like splitting of commands leaves whole. */
function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
