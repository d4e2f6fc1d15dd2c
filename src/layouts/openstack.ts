import type { Context, InjectedFile, NetworkConfig } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { textFile, type FileEntry, type Files } from '../model/files.ts'
import { parseJsonObject, renderJson, textIn, textOf, type JsonObject } from './json.ts'
import type { Getter, Layout } from './layout.ts'
import { contentPath, fromMetadata, has, listedFiles, SHAPES, toMetadata } from './openstack-metadata.ts'
import { fromNetworkData, toNetworkData } from './openstack-network.ts'

const ROOT = 'openstack'
const METADATA = 'meta_data.json'
const USER_DATA = 'user_data'
const VENDOR_DATA = 'vendor_data.json'
const NETWORK_DATA = 'network_data.json'
const VENDOR_DATA2 = 'vendor_data2.json'

/** The member of vendor data that cloud-init reads. */
const CLOUD_INIT = 'cloud-init'

/** Where a guest leaves the password it made, encrypted; the metadata server keeps it. */
const PASSWORD = 'password'

const LATEST = 'latest'
const DATES = [
  '2012-08-10',
  '2013-04-04',
  '2013-10-17',
  '2015-10-15',
  '2016-06-30',
  '2016-10-06',
  '2017-02-22',
  '2018-08-27',
  '2020-10-14',
]

/** What a version's folder lists, in Nova's order, and from which version on. */
const LISTED: readonly (readonly [name: string, since: string])[] = [
  [METADATA, '2012-08-10'],
  [USER_DATA, '2012-08-10'],
  [PASSWORD, '2013-04-04'],
  [VENDOR_DATA, '2013-10-17'],
  [NETWORK_DATA, '2015-10-15'],
  [VENDOR_DATA2, '2016-10-06'],
]

/** Nova answers this in versions that do not list it. */
const SERVED_BEFORE: ReadonlySet<string> = new Set([NETWORK_DATA])

const CARRIED = ['guestId', 'hostname', 'userData', 'vendorData', 'publicKeys', 'variables', 'files'] as const

/**
 * The metadata server's OpenStack tree, in all versions of Nova.
 *
 * @see https://docs.openstack.org/nova/latest/user/metadata.html
 */
export const openstack: Layout = {
  name: ROOT,
  carries: CARRIED,
  render: (context) => render(context, [...DATES, LATEST]),
  canonical,
  read,
}

/** The same on a config drive, in its latest version alone, which is all that readers need. */
export const openstackDrive: Layout = {
  name: ROOT,
  volumeLabel: 'config-2',
  carries: CARRIED,
  render: (context) => render(context, [LATEST]),
  read,
}

function render(context: Context, versions: readonly string[]): Files {
  const files = new Map<string, FileEntry>([[`${ROOT}/`, textFile(versions.join('\n'))]])
  const metadata = SHAPES.map(
    (since) => [since, textFile(renderJson(toMetadata(context, since)), { role: 'instance-id' })] as const,
  )
  const entries = new Map(sameInAllVersions(context))
  for (const version of versions) {
    const shape = metadata.findLast(([since]) => has(version, since))
    if (shape) entries.set(METADATA, shape[1])
    const folder = `${ROOT}/${version}/`
    const names = LISTED.filter(([name, since]) => has(version, since) && (entries.has(name) || name === PASSWORD))
    files.set(folder, textFile(names.map(([name]) => name).join('\n')))
    for (const [name, since] of LISTED) {
      const entry = entries.get(name)
      if (entry && (has(version, since) || SERVED_BEFORE.has(name))) files.set(folder + name, entry)
    }
  }
  for (const [index, { bytes }] of context.files.entries()) files.set(ROOT + contentPath(index), { bytes })
  return files
}

function* sameInAllVersions({ userData, vendorData, network }: Context): Iterable<[string, FileEntry]> {
  if (userData) yield [USER_DATA, { bytes: userData, role: 'user-data' }]
  const vendor = vendorData ? { [CLOUD_INIT]: textOf(vendorData) } : {}
  yield [VENDOR_DATA, textFile(renderJson(vendor), vendorData ? { role: 'vendor-data' } : {})]
  yield [VENDOR_DATA2, textFile(renderJson({ static: vendor }))]
  // Left out where nothing is known: cloud-init takes `{}` for a guest without network, and switches its network off.
  if (network) yield [NETWORK_DATA, textFile(renderJson(toNetworkData(network)))]
}

function canonical(path: string): string | undefined {
  if (path === ROOT) return path
  const [root, version = '', ...rest] = path.split('/')
  if (root !== ROOT) return undefined
  if (version === 'content') return rest.length > 0 ? path : undefined
  if (version !== LATEST && !DATES.includes(version)) return undefined
  return rest.length === 1 && rest[0] === 'version' ? `${ROOT}/${version}` : path
}

async function read(get: Getter): Promise<Partial<Context> | undefined> {
  for (const version of [...DATES.toReversed(), LATEST]) {
    const folder = `${ROOT}/${version}/`
    const bytes = await get(folder + METADATA)
    if (bytes) return readVersion(get, folder, parseJsonObject(bytes, folder + METADATA))
  }
  return undefined
}

async function readVersion(get: Getter, folder: string, metadata: JsonObject): Promise<Partial<Context>> {
  const userData = await get(folder + USER_DATA)
  const vendorData = await readVendorData(get, folder)
  const network = await readNetwork(get, folder)
  return {
    ...fromMetadata(metadata, folder + METADATA),
    ...(userData ? { userData } : {}),
    ...(vendorData ? { vendorData } : {}),
    files: await readFiles(get, metadata, folder + METADATA),
    ...(network ? { network } : {}),
  }
}

async function readVendorData(get: Getter, folder: string): Promise<Uint8Array | undefined> {
  const bytes = await get(folder + VENDOR_DATA)
  const text = bytes && textIn(parseJsonObject(bytes, folder + VENDOR_DATA)[CLOUD_INIT])
  return text === undefined ? undefined : textFile(text).bytes
}

async function readNetwork(get: Getter, folder: string): Promise<NetworkConfig | undefined> {
  const bytes = await get(folder + NETWORK_DATA)
  return bytes && fromNetworkData(parseJsonObject(bytes, folder + NETWORK_DATA))
}

async function readFiles(get: Getter, metadata: JsonObject, path: string): Promise<InjectedFile[]> {
  const files = listedFiles(metadata, path).map(async ({ contentPath, ...file }) => {
    const bytes = await get(ROOT + contentPath)
    if (bytes === undefined)
      throw new CloudError(
        'invalid',
        `${path}: lists ${contentPath}, which is not there; cloud-init refuses the whole source`,
      )
    return { ...file, bytes }
  })
  return Promise.all(files)
}
