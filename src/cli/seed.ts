import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import type { ContextDiskOptions } from '../deliveries/disk.ts'
import { GUEST_DISKS } from '../layouts/guest-disks.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import { readContext, type ContextOptions } from './context.ts'
import { sizeText, talk } from './output.ts'

interface SeedOptions extends ContextOptions {
  readonly userData: string
  readonly for?: string
  readonly layout?: string
  readonly label?: string
  readonly format?: 'iso' | 'vfat'
  readonly output: string
}

/** `bellhop seed`: a disk with context data, for any hypervisor. */
export function seedCommand(): Command {
  return new Command('seed')
    .description('make a disk with your data, for any hypervisor')
    .requiredOption('--user-data <file>', 'the data for the guest; - is standard input')
    .option('--variables-from-user-data', 'the data are a JSON dictionary: its members are variables too')
    .option('--ssh-key <file>', 'public keys for the guest (.pub or authorized_keys)')
    .option('--hostname <name>', 'the guest’s name')
    .option('--instance-id <id>', 'a new one makes cloud-init run again (default: follows from the content)')
    .addOption(
      new Option('--for <guest>', 'lay out, label and format the disk for it').choices(Object.keys(GUEST_DISKS)),
    )
    .option('--layout <names>', `how the data is laid out, best first (default: ${LAYOUTS.join()}, or the guest’s)`)
    .option('--label <label>', 'the volume’s label (default: the guest’s, or the first layout’s)')
    .addOption(new Option('--format <format>', 'file system (default: iso, or the guest’s)').choices(['iso', 'vfat']))
    .requiredOption('-o, --output <file>', 'the disk image to write; - is standard output')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop seed --user-data site.yaml -o seed.iso
  $ bellhop seed --user-data site.yaml --layout nocloud --format vfat -o seed.img
  $ bellhop seed --user-data site.yaml --for one-context -o seed.iso
  $ bellhop seed --user-data - --ssh-key ~/.ssh/id_ed25519.pub --hostname web1 -o seed.iso < site.yaml

One disk can serve several kinds of guest: cloud-init finds config-2 (openstack) and cidata (nocloud) by the label,
OpenNebula's one-context CONTEXT (opennebula). HEPiX images and CernVM look at any disk, whatever its label.`,
    )
    .action(seed)
}

async function seed(options: SeedOptions): Promise<void> {
  const { writeContextDisk } = await import('../deliveries/disk.ts')
  const context = await readContext(options)
  const disk = toDisk(options)
  const image = writeContextDisk(context, disk)
  await writeOutput(options.output, image)
  const data = context.userData ?? new Uint8Array()
  talk(`${options.output}: ${disk.format}, ${sizeText(image.length)}, instance id ${context.guestId}`)
  talk(`user data: ${sizeText(data.length)}, SHA-256 ${sha256(data)}`)
}

/** What serves most guests under one label. */
const LAYOUTS = ['openstack', 'nocloud', 'ec2'] as const

/** What the guest needs, but for what is said. */
function toDisk({ for: guest, layout, label, format }: SeedOptions): ContextDiskOptions {
  const fitting = guest === undefined ? undefined : GUEST_DISKS[guest]
  // A label belongs to layouts: where others are asked for, theirs counts.
  const chosen = label ?? (layout === undefined ? fitting?.label : undefined)
  return {
    layouts: layout?.split(',').map((name) => name.trim()) ?? fitting?.layouts ?? LAYOUTS,
    format: format ?? fitting?.format ?? 'iso',
    ...(chosen === undefined ? {} : { label: chosen }),
  }
}

async function writeOutput(path: string, image: Uint8Array): Promise<void> {
  if (path === '-') {
    await new Promise<void>((resolve) => process.stdout.write(image, () => resolve()))
    return
  }
  const part = `${path}.${randomBytes(4).toString('hex')}.part`
  try {
    await writeFile(part, image, { mode: 0o600 })
    await rename(part, path)
  } catch (cause) {
    await rm(part, { force: true })
    throw new CloudError('invalid', `--output: cannot write ${path}: ${reasonOf(cause)}`, { cause })
  }
}
