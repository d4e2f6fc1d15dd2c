import { CloudError } from '../../model/errors.ts'
import { toEntry, withUnderscores } from './clouds-entry.ts'
import { findFile, isTree, mergeDeep, type Surroundings, type Tree, type Value } from './clouds-files.ts'
import { toSettings, type CloudSettings } from './clouds-settings.ts'

/** Which cloud, and which part of it. */
interface Wanted {
  /** Its name in clouds.yaml; absent: `$OS_CLOUD`, else what the `OS_*` variables say, else the only one there is. */
  readonly cloud?: string
  /** Absent: the first one, or whatever the catalogue has. */
  readonly region?: string
  /** Callers come with their own tokens: no credential is looked for. */
  readonly rights?: 'caller'
}

/**
 * Reads how to reach a cloud, as the OpenStack client does: clouds.yaml with secure.yaml over it, or the `OS_*` variables. A
 * cloud that is named takes nothing from the variables.
 *
 * @throws {CloudError} invalid naming file or variable, the key, and what to do; never a value of `auth`
 * @see openstacksdk, Configuring OpenStack SDK Applications
 */
export async function readCloud(wanted: Wanted, around: Surroundings): Promise<CloudSettings> {
  const { env } = around
  const variable = (name: string) => (env[name] ?? '') || undefined
  const file = await findFile('clouds', variable('OS_CLIENT_CONFIG_FILE'), around)
  const secure = await findFile('secure', variable('OS_CLIENT_SECURE_FILE'), around)
  const merged = mergeDeep(file.tree, secure.tree)['clouds']
  const clouds = isTree(merged) ? merged : {}
  const ofVariables = fromVariables(env)
  const variablesName = variable('OS_CLOUD_NAME') ?? 'envvars'
  if (ofVariables && Object.hasOwn(clouds, variablesName))
    throw new CloudError(
      'invalid',
      `${file.path}: clouds.${variablesName}: the OS_* variables have this name too; rename one`,
    )

  const named = wanted.cloud ?? variable('OS_CLOUD')
  const names = Object.keys(clouds)
  const cloud = named ?? (ofVariables ? variablesName : names.length === 1 ? names[0] : undefined)
  if (cloud === undefined) throw noCloud(names, [...file.skipped, ...secure.skipped])
  if (ofVariables && cloud === variablesName) return ofOne(ofVariables, { cloud }, wanted, around)
  const own = Object.hasOwn(clouds, cloud) ? clouds[cloud] : undefined
  const path = file.path ?? secure.path
  if (!isTree(own)) {
    const known = names.length > 0 ? `it has ${names.join(', ')}` : 'there is no cloud in it'
    const skipped = [...file.skipped, ...secure.skipped].map((line) => `; not used: ${line}`).join('')
    throw new CloudError('invalid', `${path ?? 'clouds.yaml'}: cloud "${cloud}" is not there: ${known}${skipped}`)
  }
  return ofOne(own, { cloud, path }, wanted, around)
}

async function ofOne(
  tree: Tree,
  origin: { readonly cloud: string; readonly path?: string | undefined },
  wanted: Wanted,
  around: Surroundings,
): Promise<CloudSettings> {
  const own = withUnderscores(tree)
  const profile = await readProfile(own, origin, around)
  const region = chooseRegion([own, profile], wanted.region, origin)
  const entry = toEntry(
    update(update(update(profile, own), region.values), region.name ? { region_name: region.name } : {}),
    origin,
  )
  return toSettings(origin.cloud, entry, wanted.rights !== 'caller', around)
}

/** As the client's own: keys replace keys, but `auth` is filled up. */
function update(under: Tree, over: Tree): Tree {
  const [below, above] = [under['auth'], over['auth']]
  return { ...under, ...over, ...(isTree(below) && isTree(above) ? { auth: { ...below, ...above } } : {}) }
}

// What is no cloud of its own but says which one, or where to read of it.
const SELECTORS = new Set([
  'OS_CLOUD',
  'OS_REGION_NAME',
  'OS_CLIENT_CONFIG_FILE',
  'OS_CLIENT_SECURE_FILE',
  'OS_CLOUD_NAME',
])

function fromVariables(env: Surroundings['env']): Tree | undefined {
  const set = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      /^OS_(?!TEST|STD|LOG)./.test(entry[0]) && entry[1] !== undefined && entry[1] !== '',
  )
  if (set.every(([name]) => SELECTORS.has(name))) return undefined
  return Object.fromEntries(set.map(([name, value]) => [name.slice('OS_'.length).toLowerCase(), value]))
}

function noCloud(names: readonly string[], skipped: readonly string[]): CloudError {
  const what =
    names.length > 1
      ? `clouds.yaml has ${names.length} clouds (${names.join(', ')}): say which one, or set OS_CLOUD`
      : 'no cloud is described: write clouds.yaml (in the working directory, ~/.config/openstack or /etc/openstack), or set OS_AUTH_URL and its like'
  return new CloudError('invalid', [what, ...skipped.map((line) => `not used: ${line}`)].join('; '))
}

/** What a vendor says of its cloud, from a file beside clouds.yaml. Nothing is ever fetched: it could send us anywhere. */
async function readProfile(
  own: Tree,
  { cloud, path }: { readonly cloud: string; readonly path?: string | undefined },
  around: Surroundings,
): Promise<Tree> {
  const key = own['profile'] === undefined ? 'cloud' : 'profile'
  const profile = own[key]
  // Among the variables OS_CLOUD is a name, and no profile.
  if (typeof profile !== 'string' || (path === undefined && key === 'cloud')) return {}
  const place = path === undefined ? 'OS_PROFILE' : `${path}: clouds.${cloud}.${key}`
  if (/^[a-z]+:\/\//i.test(profile))
    throw new CloudError(
      'invalid',
      `${place}: is an address, and no profile is fetched; write auth_url and the rest here`,
    )
  const { tree, path: vendors } = await findFile('clouds-public', undefined, around)
  const known = tree['public-clouds']
  const found = isTree(known) && Object.hasOwn(known, profile) ? known[profile] : undefined
  if (isTree(found)) return withUnderscores(found)
  const where = vendors === undefined ? 'there is no clouds-public.yaml' : `${vendors} has none of this name`
  throw new CloudError('invalid', `${place}: "${profile}" is not known: ${where}; write auth_url and the rest here`)
}

interface Region {
  readonly name: string
  readonly values: Tree
}

function chooseRegion(
  sources: readonly Tree[],
  wanted: string | undefined,
  { cloud, path }: { readonly cloud: string; readonly path?: string | undefined },
): Region {
  const source = sources.find((tree) => tree['regions'] !== undefined || tree['region_name'] !== undefined)
  const { regions, region_name: names } = source ?? {}
  const listed = regions === undefined ? listOf(names) : Array.isArray(regions) ? regions : [regions]
  const known = listed.map((region) => toRegion(region, `${path ?? 'OS_*'}: clouds.${cloud}.regions`))
  const [first] = known
  if (!first) return { name: wanted ?? '', values: {} }
  if (wanted === undefined) return first
  const chosen = known.find(({ name }) => name === wanted)
  if (chosen) return chosen
  const all = known.map(({ name }) => name).join(', ')
  throw new CloudError(
    'invalid',
    `${path ?? 'OS_REGION_NAME'}: cloud "${cloud}" has no region "${wanted}"; it has ${all}`,
  )
}

function listOf(value: Value | undefined): readonly Value[] {
  return typeof value === 'string' && value !== '' ? value.split(',') : Array.isArray(value) ? value : []
}

function toRegion(region: Value, place: string): Region {
  if (typeof region === 'string') return { name: region, values: {} }
  const { name, values = {} } = isTree(region) ? region : {}
  if (typeof name === 'string' && isTree(values)) return { name, values }
  throw new CloudError('invalid', `${place}: each must be a name, or have "name" and "values"`)
}
