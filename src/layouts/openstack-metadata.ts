import { createHash } from 'node:crypto'
import type { Context, InjectedFile, InstanceFacts, PublicKey } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { given } from './given.ts'
import { type JsonObject, numberIn, objectsIn, textIn, textsIn } from './json.ts'
import { keysByName, keysFromNames } from './key-names.ts'

/** The first version of the metadata that has each of these. @see nova/api/metadata/base.py */
const SINCE = {
  randomSeed: '2013-04-04',
  projectId: '2015-10-15',
  devices: '2016-06-30',
  dedicatedCpus: '2020-10-14',
} as const

/** Whether `version` has what came with `since`; `latest` has all. */
export function has(version: string, since: string): boolean {
  return version >= since
}

/** The versions of which each begins another shape of `meta_data.json`, ascending. */
export const SHAPES: readonly string[] = ['2012-08-10', ...Object.values(SINCE)]

/**
 * `meta_data.json` in Nova's order of keys. What Nova always knows and we may not is left out.
 *
 * A file's mode, owner and group are ours: cloud-init writes each as root with mode 0660.
 */
export function toMetadata(context: Context, version: string): JsonObject {
  const { guestId, hostname, facts, publicKeys, variables, files } = context
  const hasKeys = publicKeys.length > 0
  return {
    uuid: guestId,
    meta: Object.keys(variables).length > 0 ? variables : undefined,
    files: files.length > 0 ? files.map(toFile) : undefined,
    public_keys: hasKeys ? keysByName(publicKeys) : undefined,
    keys: hasKeys ? publicKeys.map(({ name, text }) => ({ name, type: 'ssh', data: text })) : undefined,
    hostname,
    name: facts.name ?? hostname,
    launch_index: facts.launchIndex,
    availability_zone: facts.zone,
    random_seed: has(version, SINCE.randomSeed) ? randomSeed(guestId) : undefined,
    project_id: has(version, SINCE.projectId) ? facts.projectId : undefined,
    devices: has(version, SINCE.devices) ? [] : undefined,
    dedicated_cpus: has(version, SINCE.dedicatedCpus) ? [] : undefined,
  }
}

/**
 * What `meta_data.json`, ours or Nova's, says of the context, but for the files' bytes.
 *
 * @throws {CloudError} invalid when there is no `uuid`
 */
export function fromMetadata(metadata: JsonObject, path: string): Omit<Partial<Context>, 'files'> {
  const guestId = textIn(metadata['uuid'])
  if (guestId === undefined)
    throw new CloudError('invalid', `${path}: "uuid" is missing; without it cloud-init refuses the whole source`)
  const facts: InstanceFacts = {
    launchIndex: numberIn(metadata['launch_index']) ?? 0,
    ...given({
      name: textIn(metadata['name']),
      zone: textIn(metadata['availability_zone']),
      projectId: textIn(metadata['project_id']),
    }),
  }
  return {
    guestId,
    ...given({ hostname: textIn(metadata['hostname']) }),
    facts,
    publicKeys: toPublicKeys(metadata),
    variables: textsIn(metadata['meta']),
  }
}

/** Where a file of `files` is, relative to `openstack`: `/content/0000`. */
export function contentPath(index: number): string {
  return `/content/${String(index).padStart(4, '0')}`
}

/** A file as `meta_data.json` lists it. */
export type ListedFile = Omit<InjectedFile, 'bytes'> & { readonly contentPath: string }

/**
 * The files that the metadata list.
 *
 * @throws {CloudError} invalid when a `content_path` leads elsewhere: the reader may stand on a mounted disk
 */
export function listedFiles(metadata: JsonObject, path: string): readonly ListedFile[] {
  return objectsIn(metadata['files']).flatMap((entry) => {
    const target = textIn(entry['path'])
    const contentPath = textIn(entry['content_path'])
    if (target === undefined || contentPath === undefined) return []
    if (!/^\/content\/[\w-]+$/.test(contentPath))
      throw new CloudError('invalid', `${path}: a content_path of "files" is not of the form /content/0000`)
    const mode = textIn(entry['mode'])
    return {
      path: target,
      contentPath,
      ...given({
        mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
        owner: textIn(entry['owner']),
        group: textIn(entry['group']),
      }),
    }
  })
}

function toFile({ path, mode, owner, group }: InjectedFile, index: number): JsonObject {
  return { path, content_path: contentPath(index), mode: mode?.toString(8).padStart(4, '0'), owner, group }
}

/** `keys` has them in order, with their kinds; metadata older than Liberty's have `public_keys` alone. */
function toPublicKeys(metadata: JsonObject): readonly PublicKey[] {
  if (metadata['keys'] === undefined) return keysFromNames(textsIn(metadata['public_keys']))
  return objectsIn(metadata['keys']).flatMap(({ name, type, data }) =>
    type === 'ssh' && typeof name === 'string' && typeof data === 'string'
      ? [{ name, text: data.replace(/[\r\n]+$/, '') }]
      : [],
  )
}

/**
 * 512 bytes in base64, which cloud-init demands to be valid where they are there. Nova draws new ones at each request; ours
 * follow from the guest's id, so that a tree is rendered once and a disk is the same bytes again. That makes them no secret:
 * guests mix them into their pool and count no entropy for them.
 */
function randomSeed(guestId: string): string {
  return createHash('shake256', { outputLength: 512 }).update(`random_seed ${guestId}`).digest('base64')
}
