import { readContextDisk } from '../deliveries/disk.ts'
import { detectDisk, type DiskFormat } from '../disks/index.ts'
import { detect, type Detected } from '../formats/index.ts'
import { USER_DATA_MAX_BYTES, type Context } from '../model/context.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError } from '../model/errors.ts'
import type { Files } from '../model/files.ts'

/** What some user data are, without a byte of them. */
export interface UserDataFindings extends Omit<Detected, 'name'> {
  readonly sizeBytes: number
  readonly sha256: string
  /** The format's word. */
  readonly format: string
}

/** One file on a disk; `what` is `other` where no layout of ours has it. */
interface FileFindings {
  readonly path: string
  readonly sizeBytes: number
  readonly what: FileMeaning
}

/** What a file is for; stable words. */
type FileMeaning = 'user data' | 'vendor data' | 'metadata' | 'network' | 'injected file' | 'other'

/** What one layout on a disk tells a guest. */
export interface LayoutFindings {
  readonly instanceId?: string
  readonly hostname?: string
  /** The keys' names. */
  readonly keys: readonly string[]
  /** The variables' names. */
  readonly variables: readonly string[]
  /** Where injected files go in the guest. */
  readonly files: readonly string[]
  readonly userData?: UserDataFindings
}

/** A disk image, and who would find something on it. */
export interface DiskFindings {
  readonly kind: 'disk'
  readonly sizeBytes: number
  readonly format: DiskFormat
  readonly label: string
  readonly guests: readonly string[]
  readonly files: readonly FileFindings[]
  /** By the layout's name. */
  readonly layouts: Readonly<Record<string, LayoutFindings>>
}

/** Everything else is user data: free form is never refused. */
export type Findings = DiskFindings | ({ readonly kind: 'user-data' } & UserDataFindings)

/**
 * What a disk image or user data hold, and what a guest would take them for.
 *
 * @param name of the file, for messages
 * @throws {CloudError} invalid when a disk contradicts itself; too-large when it is no disk, and more than user data may have
 */
export async function findingsOf(bytes: Uint8Array, name: string): Promise<Findings> {
  if (detectDisk(bytes) !== undefined) return diskFindings(bytes)
  if (bytes.length > USER_DATA_MAX_BYTES)
    throw new CloudError(
      'too-large',
      `${name} is ${bytes.length} bytes and no disk image that we know (ISO 9660, FAT); user data may have ${USER_DATA_MAX_BYTES}`,
    )
  return { kind: 'user-data', ...userDataFindings(bytes) }
}

async function diskFindings(image: Uint8Array): Promise<DiskFindings> {
  const { format, label, files, contexts } = await readContextDisk(image)
  const layouts = Object.entries(contexts).map(([name, context]) => [name, layoutFindings(context)] as const)
  return {
    kind: 'disk',
    sizeBytes: image.length,
    format,
    label,
    guests: guestsThatFind(label, contexts),
    files: fileFindings(files),
    layouts: Object.fromEntries(layouts),
  }
}

function layoutFindings({ guestId, hostname, facts, userData, ...more }: Partial<Context>): LayoutFindings {
  const instanceId = guestId ?? facts?.ec2?.instanceId
  return {
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(hostname === undefined ? {} : { hostname }),
    keys: (more.publicKeys ?? []).map(({ name }) => name),
    variables: Object.keys(more.variables ?? {}),
    files: (more.files ?? []).map(({ path }) => path),
    ...(userData ? { userData: userDataFindings(userData) } : {}),
  }
}

function userDataFindings(bytes: Uint8Array): UserDataFindings {
  const { name: format, ...detected } = detect(bytes)
  return { sizeBytes: bytes.length, sha256: sha256(bytes), format, ...detected }
}

/** By the end of their paths, in every layout. */
const MEANINGS: readonly (readonly [ending: RegExp, FileMeaning])[] = [
  [/(?:^|\/)user[-_]data$/, 'user data'],
  [/(?:^|\/)vendor[-_]data2?(?:\.json)?$/, 'vendor data'],
  [/(?:^|\/)meta[-_]data(?:\.json)?$|^(?:context\.sh|meta\.js)$/, 'metadata'],
  [/(?:^|\/)network(?:_data\.json|-config)$/, 'network'],
  [/^openstack\/content\//, 'injected file'],
]

function fileFindings(files: Files): readonly FileFindings[] {
  return [...files].map(([path, { bytes }]) => ({
    path,
    sizeBytes: bytes.length,
    what: MEANINGS.find(([ending]) => ending.test(path))?.[1] ?? 'other',
  }))
}

/** Who looks for which layout on disks with which label; without labels: on any disk. */
const READERS: readonly { readonly guest: string; readonly layout: string; readonly labels?: readonly string[] }[] = [
  { guest: 'cloud-init (ConfigDrive)', layout: 'openstack', labels: ['config-2', 'CONFIG-2'] },
  { guest: 'cloud-init (NoCloud)', layout: 'nocloud', labels: ['cidata', 'CIDATA'] },
  { guest: 'Ignition', layout: 'openstack', labels: ['config-2', 'CONFIG-2'] },
  { guest: 'afterburn', layout: 'openstack', labels: ['config-2'] },
  { guest: 'cloudbase-init', layout: 'openstack', labels: ['config-2'] },
  { guest: 'CirrOS', layout: 'openstack', labels: ['config-2'] },
  { guest: 'CirrOS', layout: 'nocloud', labels: ['cidata'] },
  { guest: 'cloud-init (OpenNebula)', layout: 'opennebula', labels: ['CONTEXT', 'CDROM'] },
  { guest: 'one-context', layout: 'opennebula', labels: ['CONTEXT'] },
  { guest: 'cloudbase-init', layout: 'opennebula' },
  { guest: 'HEPiX images', layout: 'ec2' },
  { guest: 'HEPiX images', layout: 'opennebula' },
  { guest: 'uCernVM', layout: 'openstack' },
  { guest: 'uCernVM', layout: 'opennebula' },
  { guest: 'StratusLab images', layout: 'stratuslab', labels: ['_CLOUD_INIT'] },
  { guest: 'StratusLab images', layout: 'stratuslab-one' },
  { guest: 'the demo guest', layout: 'openstack' },
  { guest: 'the demo guest', layout: 'nocloud' },
]

function guestsThatFind(label: string, layouts: Readonly<Record<string, unknown>>): readonly string[] {
  const finds = READERS.filter(({ layout, labels }) => layout in layouts && (labels?.includes(label) ?? true))
  return [...new Set(finds.map(({ guest }) => guest))]
}
