import { stat } from 'node:fs/promises'
import { Command, Option } from 'commander'
import type { ExistingRule, Injection } from '../deliveries/injection-outcome.ts'
import type { Context, InjectedFile } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import type { Files } from '../model/files.ts'
import { many } from './api-command.ts'
import { readContext, type ContextOptions } from './context.ts'
import { readInput } from './input.ts'
import { print, printJson, sizeText, table, talk } from './output.ts'

interface InjectOptions extends ContextOptions {
  readonly for: keyof typeof GUESTS
  readonly file?: readonly string[]
  readonly existing: ExistingRule
  readonly partition?: number
  readonly format?: 'raw' | 'qcow2'
  readonly to?: string
  readonly overlay?: boolean
  readonly dryRun?: boolean
  readonly output: 'text' | 'json'
}

/** Where each kind of guest looks for its data in its own disk. */
const GUESTS = {
  'cloud-init': { layouts: ['nocloud'], isSeed: true },
  cernvm: { path: 'cernvm/extra-user-data', isSeed: false },
} as const

const SECRET = { mode: 0o600, uid: 0, gid: 0 } as const

/** `bellhop inject`: writes data into a disk image, without root and without the kernel. */
export function injectCommand(): Command {
  return new Command('inject')
    .description('write your data into a disk image, where the guest finds it')
    .argument('<image>', 'a disk image, raw or qcow2, that no machine has open')
    .option('--user-data <file>', 'the data for the guest; - is standard input')
    .addOption(
      new Option('--for <guest>', 'who reads them: decides where they go')
        .choices(Object.keys(GUESTS))
        .default('cloud-init'),
    )
    .addOption(
      new Option(
        '--file <source:path[:mode[:uid[:gid]]]>',
        'another file, and where in the guest; repeat it',
      ).argParser(many),
    )
    .option('--variables-from-user-data', 'the data are a JSON dictionary: its members are variables too')
    .option('--ssh-key <file>', 'public keys for the guest (.pub or authorized_keys)')
    .option('--hostname <name>', 'the guest’s name')
    .option('--instance-id <id>', 'a new one makes cloud-init run again (default: follows from the content)')
    .addOption(
      new Option('--existing <rule>', 'what is done with another file of the same name')
        .choices(['refuse', 'keep', 'replace'])
        .default('refuse'),
    )
    .addOption(new Option('--partition <number>', 'which one (default: the one that has /etc)').argParser(toPartition))
    .addOption(
      new Option('--format <format>', 'of the image (default: by its name, else by its begin)').choices([
        'raw',
        'qcow2',
      ]),
    )
    .option('--to <file>', 'make this image, and leave the given one as it is (default: it is replaced, all at once)')
    .option('--overlay', 'with --to: a small qcow2 over the given image, which must stay where it is')
    .option('--dry-run', 'only tell what would be written, and where')
    .addOption(new Option('-o, --output <format>', 'what stdout has').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop inject vm.qcow2 --user-data site.yaml
  $ bellhop inject debian.qcow2 --user-data site.yaml --to vm.qcow2 --overlay
  $ bellhop inject vm.img --file motd:/etc/motd --file key:/etc/app/key:0600:33:33 --existing keep
  $ bellhop inject ucernvm.img --user-data site.txt --for cernvm --to vm.img
  $ bellhop inject vm.img --user-data site.yaml --dry-run -o json | jq .files

All is done on a copy: an injection that is interrupted leaves the image as it was.
Partitions with ext2, ext3 or ext4 are written by debugfs (e2fsprogs), others by guestfish (libguestfs) where it is installed.`,
    )
    .action(inject)
}

async function inject(image: string, options: InjectOptions): Promise<void> {
  const { injectIntoImage } = await import('../deliveries/injection-image.ts')
  const { existing, partition, format, to, overlay, dryRun = false, output } = options
  if (overlay && to === undefined)
    throw new CloudError(
      'invalid',
      '--overlay needs --to: an overlay cannot take the place of the image that it stands on',
    )
  const context = await readContext(options)
  const files = await toFiles({ ...context, files: await readFiles(options.file ?? []) }, options)
  const injection = await injectIntoImage(files, {
    image,
    existing,
    isTrial: dryRun,
    ...(partition === undefined ? {} : { partition }),
    ...(format === undefined ? {} : { format }),
    ...(to === undefined ? {} : { to }),
    ...(overlay ? { isOverlay: true } : {}),
  })
  for (const remark of injection.remarks) talk(`bellhop: ${remark}`)
  const userData = injection.files.find(({ role }) => role === 'user-data')
  if (output === 'json')
    printJson({
      image: injection.image,
      dryRun,
      partition: injection.partition,
      fileSystem: injection.fileSystem,
      by: injection.by,
      ...(userData
        ? { userData: { path: userData.path, sizeBytes: userData.sizeBytes, sha256: userData.sha256 } }
        : {}),
      files: injection.files.map(({ role: _, mode, ...file }) => ({ ...file, mode: modeText(mode) })),
      folders: injection.folders,
    })
  else {
    print(toText(injection, dryRun))
    if (userData)
      print(`user data: ${sizeText(userData.sizeBytes)}, SHA-256 ${userData.sha256}${dryRun ? '' : ', as read back'}`)
  }
}

async function toFiles(context: Context, { for: guest }: InjectOptions): Promise<Files> {
  const { userData, files } = context
  if (userData === undefined && files.length === 0)
    throw new CloudError('invalid', 'nothing is to be injected: give --user-data or --file')
  const { injectedFiles } = await import('../service/injected-files.ts')
  const reader = GUESTS[guest]
  if (reader.isSeed) return injectedFiles(context, userData === undefined ? [] : reader.layouts)
  const own = injectedFiles(context, [])
  return userData === undefined
    ? own
    : new Map([...own, [reader.path, { bytes: userData, role: 'user-data', ...SECRET }]])
}

async function readFiles(words: readonly string[]): Promise<readonly InjectedFile[]> {
  const files: InjectedFile[] = []
  for (const text of words) {
    const [, source, path, mode, owner, group] =
      /^(.+?):(\/[^:]+)(?::([0-7]{3,4})(?::(\d{1,9})(?::(\d{1,9}))?)?)?$/.exec(text) ?? []
    if (source === undefined || path === undefined)
      throw new CloudError('invalid', `--file: "${text}" is not like motd:/etc/motd or key:/etc/key:0600:33:33`)
    const bytes = await readInput(source, '--file')
    files.push({
      path,
      bytes,
      mode: mode === undefined ? await modeOf(source) : Number.parseInt(mode, 8),
      ...(owner === undefined ? {} : { owner }),
      ...(group === undefined ? {} : { group }),
    })
  }
  return files
}

/** A file keeps the rights that it has here. */
async function modeOf(path: string): Promise<number> {
  return path === '-' ? SECRET.mode : (await stat(path)).mode & 0o777
}

function toPartition(text: string): number {
  if (!/^\d{1,4}$/.test(text))
    throw new CloudError('invalid', `--partition: "${text}" is no number; 0 is an image without partitions`)
  return Number(text)
}

const WAS = {
  new: '',
  unchanged: 'was there already',
  replaced: 'replaces what was there',
  kept: 'what was there is now',
} as const

function toText({ partition, fileSystem, by, files }: Injection, isTrial: boolean): string {
  const where = partition === 0 ? 'the image' : `partition ${partition}`
  const rows = files.map(({ path, mode, uid, gid, sizeBytes, was, keptAs }) => [
    `  ${modeText(mode)}`,
    `${uid}:${gid}`,
    sizeText(sizeBytes),
    path,
    `${WAS[was]}${keptAs === undefined ? '' : ` ${keptAs}`}`,
  ])
  return [`${isTrial ? 'would write' : 'wrote'} to ${where} (${fileSystem}, by ${by}):`, table(rows, [1, 2])].join('\n')
}

function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}
