import { randomBytes } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import type { ContextDiskOptions } from '../deliveries/disk.ts'
import { variablesOf } from '../formats/variables.ts'
import { GUEST_DISKS } from '../layouts/guest-disks.ts'
import { USER_DATA_MAX_BYTES, type Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import { checkHostname, readInput, readPublicKeys } from './input.ts'
import { sizeText, talk } from './output.ts'

interface SeedOptions {
  readonly userData: string
  readonly variablesFromUserData?: boolean
  readonly sshKey?: string
  readonly hostname?: string
  readonly instanceId?: string
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
  const context = await toContext(options)
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

async function toContext(options: SeedOptions): Promise<Context> {
  const { hostname } = options
  checkHostname(hostname)
  const userData = await readInput(options.userData, '--user-data')
  if (userData.length > USER_DATA_MAX_BYTES)
    throw new CloudError(
      'too-large',
      `--user-data is ${userData.length} bytes; a seed disk takes ${USER_DATA_MAX_BYTES}`,
    )
  const publicKeys = options.sshKey === undefined ? [] : await readPublicKeys(options.sshKey)
  const variables = options.variablesFromUserData ? variablesOf(userData) : {}
  const told = options.variablesFromUserData ? ['variables'] : []
  const content = [sha256(userData), hostname ?? '', ...publicKeys.map((key) => key.text), ...told].join('\n')
  return {
    guestId: options.instanceId ?? toUuid(sha256(Buffer.from(content, 'utf8'))),
    ...(hostname === undefined ? {} : { hostname }),
    facts: { launchIndex: 0, ...(hostname === undefined ? {} : { name: hostname }) },
    userData,
    publicKeys,
    variables,
    files: [],
  }
}

// RFC 9562 5.8: version 8 is for ids made in a way of one's own; here the content decides, so equal input gives equal disks.
function toUuid(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
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
