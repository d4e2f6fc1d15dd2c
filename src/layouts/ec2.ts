import type { Context } from '../model/context.ts'
import { listing, textFile, type FileEntry } from '../model/files.ts'
import { fromMetadata, KEY_LISTING, keyListing, OPENSSH_KEY, toMetadata } from './ec2-metadata.ts'
import { isObject, type Json, type JsonObject, renderJson, textOf } from './json.ts'
import type { Getter, Layout } from './layout.ts'

const ROOT = 'latest'
const METADATA = `${ROOT}/meta-data`
const INSTANCE_ID = `${METADATA}/instance-id`
const USER_DATA = `${ROOT}/user-data`
const PUBLIC_KEYS = `${METADATA}/public-keys`
const IDENTITY = `${ROOT}/dynamic/instance-identity/document`

/** What the root lists: the versions that Nova knows. Any other date answers too, as the last one. */
const VERSIONS = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
  ROOT,
]

/** The version with which each of the metadata came; those that are not named were there from the first. */
const SINCE: ReadonlyMap<string, string> = new Map([
  ['local-hostname', '2007-01-19'],
  ['public-hostname', '2007-01-19'],
  ['public-ipv4', '2007-01-19'],
  ['instance-type', '2007-08-29'],
  ['block-device-mapping', '2007-12-15'],
  ['placement', '2008-02-01'],
  ['instance-action', '2008-09-01'],
])

/** From this version on everything is there. */
const WHOLE_SINCE = '2008-09-01'

/** The versions that have less, of which each begins another listing, ascending. */
const OLD_SHAPES: readonly string[] = ['1.0', ...new Set(SINCE.values())].filter((since) => since < WHOLE_SINCE)

/** A version, with the `ec2/` that Nova takes before it, and what is below it. */
const VERSIONED = /^(?:ec2\/)?(latest|1\.0|\d{4}-\d{2}-\d{2})(\/.*)?$/s

/**
 * The metadata server's tree as EC2 has it and as Nova answers it. Every later version holds the earlier ones, so there is
 * one tree, of which old versions of Nova's show less; clients ask for the dates that they know, and Amazon has many more.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html
 */
export const ec2: Layout = {
  name: 'ec2',
  carries: ['hostname', 'userData', 'publicKeys'],

  render(context) {
    const metadata = toMetadata(context)
    const files = new Map<string, FileEntry>([['/', textFile(VERSIONS.join('\n'))]])
    if (context.userData) files.set(USER_DATA, { bytes: context.userData, role: 'user-data' })
    addTree(files, METADATA, metadata)
    // Derived, the listing would say `0/`.
    const keys = context.publicKeys.map(({ name }, index) => keyListing(index, name))
    if (keys.length > 0) files.set(`${PUBLIC_KEYS}/`, textFile(keys.join('\n')))
    addOldListings(files)
    files.set(IDENTITY, textFile(renderJson(toIdentity(metadata, context))))
    return files
  },

  canonical(path) {
    if (path === '' || path === 'ec2') return ''
    const [, version, below = ''] = VERSIONED.exec(path) ?? []
    if (version === undefined) return undefined
    const isOld = version < WHOLE_SINCE && VERSIONS.includes(version)
    if (isOld && below === '/meta-data') return `${OLD_SHAPES.findLast((since) => version >= since)}${below}`
    const name = /^\/meta-data\/([^/]+)/.exec(below)?.[1]
    return isOld && name !== undefined && !has(version, name) ? undefined : ROOT + below
  },

  async read(get) {
    const instanceId = await get(INSTANCE_ID)
    if (instanceId === undefined) return undefined
    const metadata = await readTree(get)
    const userData = await get(USER_DATA)
    return { ...fromMetadata(metadata), ...(userData ? { userData } : {}) }
  },
}

function has(version: string, name: string): boolean {
  return version >= (SINCE.get(name) ?? '')
}

/** What old versions list; what they have of it is where the latest has it. */
function addOldListings(files: Map<string, FileEntry>): void {
  const names = textOf(listing(files, METADATA) ?? new Uint8Array()).split('\n')
  for (const version of OLD_SHAPES) {
    const own = names.filter((name) => has(version, name.replace('/', '')))
    files.set(`${version}/meta-data/`, textFile(own.join('\n')))
  }
}

/** An image that thinks itself at Amazon asks for this at every stage of its boot until it gets it. */
function toIdentity(metadata: JsonObject, { facts }: Context): JsonObject {
  return {
    instanceId: metadata['instance-id'],
    imageId: metadata['ami-id'],
    instanceType: metadata['instance-type'],
    region: facts.region,
    availabilityZone: facts.zone,
    privateIp: metadata['local-ipv4'],
  }
}

/** An object is a folder; a list is a file with a line for each. */
function addTree(files: Map<string, FileEntry>, folder: string, members: JsonObject, more?: Partial<FileEntry>): void {
  for (const [name, value] of Object.entries(members)) {
    const path = `${folder}/${name}`
    if (value === undefined || name === KEY_LISTING) continue
    if (isObject(value)) addTree(files, path, value, path === PUBLIC_KEYS ? { role: 'keys' } : more)
    else files.set(path, textFile(leafOf(value), path === INSTANCE_ID ? { role: 'instance-id' } : more))
  }
}

function leafOf(value: Exclude<Json, JsonObject>): string {
  if (typeof value === 'string') return value
  return Array.isArray(value) ? value.join('\n') : JSON.stringify(value)
}

async function readTree(get: Getter): Promise<JsonObject> {
  const text = async (name: string): Promise<string | undefined> => {
    const bytes = await get(`${METADATA}/${name}`)
    return bytes && textOf(bytes)
  }
  const names = ['hostname', 'instance-id', 'ami-id', 'reservation-id', 'instance-type', 'local-ipv4', 'public-ipv4']
  const leaves = await Promise.all(names.map(async (name) => [name, await text(name)] as const))
  const groups = await text('security-groups')
  return {
    ...Object.fromEntries(leaves),
    'ami-launch-index': Number(await text('ami-launch-index')) || 0,
    'security-groups': groups?.split('\n'),
    placement: { 'availability-zone': await text('placement/availability-zone') },
    'block-device-mapping': { root: await text('block-device-mapping/root') },
    'public-keys': await readPublicKeys(text),
  }
}

/** Servers list a key as `0=name`; it is at `0/openssh-key`. */
async function readPublicKeys(text: (name: string) => Promise<string | undefined>): Promise<JsonObject> {
  const listed = (await text('public-keys/')) ?? ''
  const lines = listed.split('\n').filter((line) => /^\d+=/.test(line))
  const keys = lines.map(async (line) => {
    const index = line.slice(0, line.indexOf('='))
    return [index, { [KEY_LISTING]: line, [OPENSSH_KEY]: await text(`public-keys/${index}/${OPENSSH_KEY}`) }] as const
  })
  return Object.fromEntries(await Promise.all(keys))
}
