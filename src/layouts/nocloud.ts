import { parse } from 'yaml'
import type { Context, InstanceFacts, PublicKey } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { textFile, type FileEntry } from '../model/files.ts'
import { given } from './given.ts'
import { type JsonObject, isObject, numberIn, renderJson, textIn, textOf, textsIn } from './json.ts'
import { keysByName, keysFromNames } from './key-names.ts'
import type { Layout } from './layout.ts'
import { toNetworkConfig } from './nocloud-network.ts'

const METADATA = 'meta-data'
const USER_DATA = 'user-data'
const VENDOR_DATA = 'vendor-data'
const NETWORK_CONFIG = 'network-config'

/** Another's `meta-data` may have 1 MiB: far above any, far below what would keep a YAML parser busy. */
const METADATA_MAX_BYTES = 1024 * 1024

/**
 * cloud-init's NoCloud, on a disk or over HTTP. All four files are always there: cloud-init asks for each and waits where
 * one is missing. So an empty file means none: empty user data reads as absent.
 *
 * `meta-data` is JSON, which is YAML too: CirrOS takes nothing else.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
 */
export const nocloud: Layout = {
  name: 'nocloud',
  volumeLabel: 'cidata',
  carries: ['guestId', 'hostname', 'userData', 'vendorData', 'publicKeys', 'variables'],

  render(context) {
    const { userData, vendorData, network } = context
    return new Map([
      [METADATA, textFile(renderJson(toMetadata(context), UNSAFE_IN_YAML), { role: 'instance-id' })],
      [USER_DATA, userData ? { bytes: userData, role: 'user-data' } : EMPTY],
      [VENDOR_DATA, vendorData ? { bytes: vendorData, role: 'vendor-data' } : EMPTY],
      [NETWORK_CONFIG, network ? textFile(renderJson(toNetworkConfig(network), UNSAFE_IN_YAML)) : EMPTY],
    ])
  },

  async read(get) {
    const bytes = await get(METADATA)
    const userData = await get(USER_DATA)
    // A folder that has but one of the two is no seed to cloud-init either.
    if (bytes === undefined || userData === undefined) return undefined
    const vendorData = await get(VENDOR_DATA)
    return {
      ...fromMetadata(parseMetadata(bytes)),
      ...(userData.length > 0 ? { userData } : {}),
      ...(vendorData && vendorData.length > 0 ? { vendorData } : {}),
    }
  },
}

const EMPTY: FileEntry = textFile('')

/**
 * Beyond JSON's own rules: what PyYAML takes for a line break, or refuses. It reads no pairs of `\uXXXX`, so other characters
 * stand as they are.
 */
const UNSAFE_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g

/** Named as in cloud-init's own sources, so that a template finds `ds.meta_data.meta` here and with OpenStack. */
function toMetadata({ guestId, hostname, facts, publicKeys, variables }: Context): JsonObject {
  return {
    'instance-id': guestId,
    'local-hostname': hostname,
    'launch-index': facts.launchIndex,
    'availability-zone': facts.zone,
    region: facts.region,
    'public-keys': publicKeys.length > 0 ? keysByName(publicKeys) : undefined,
    meta: Object.keys(variables).length > 0 ? variables : undefined,
  }
}

function fromMetadata(metadata: JsonObject): Partial<Context> {
  const facts: InstanceFacts = {
    launchIndex: numberIn(metadata['launch-index']) ?? 0,
    ...given({ zone: textIn(metadata['availability-zone']), region: textIn(metadata['region']) }),
  }
  const { 'instance-id': instanceId, 'local-hostname': hostname } = metadata
  return {
    // Hand-written YAML often has a number there.
    ...given({ guestId: typeof instanceId === 'number' ? String(instanceId) : textIn(instanceId) }),
    ...given({ hostname: textIn(hostname) }),
    facts,
    publicKeys: toPublicKeys(metadata['public-keys']),
    variables: textsIn(metadata['meta']),
  }
}

/** A text, a list or an object: cloud-init takes each. */
function toPublicKeys(keys: unknown): readonly PublicKey[] {
  if (isObject(keys)) return keysFromNames(textsIn(keys))
  const texts = typeof keys === 'string' ? keys.split('\n') : Array.isArray(keys) ? keys : []
  return texts.flatMap((text, index) =>
    typeof text === 'string' && text.trim() !== '' ? [{ name: `key-${index}`, text: text.trim() }] : [],
  )
}

function parseMetadata(bytes: Uint8Array): JsonObject {
  if (bytes.length > METADATA_MAX_BYTES)
    throw new CloudError('invalid', `${METADATA}: is ${bytes.length} bytes; at most ${METADATA_MAX_BYTES} are read`)
  const value = parseYaml(textOf(bytes))
  if (isObject(value)) return value
  // An empty file is a seed without any metadata.
  if (value === null) return {}
  throw new CloudError('invalid', `${METADATA}: a YAML mapping is expected, such as "instance-id: web-1"`)
}

function parseYaml(text: string): unknown {
  try {
    // As PyYAML reads it. With `silent` it would not even throw.
    return parse(text, { version: '1.1', prettyErrors: false, logLevel: 'error' })
  } catch {
    // The parser's own message repeats what stands in the file.
    throw new CloudError('invalid', `${METADATA}: not YAML; it must be a mapping such as "instance-id: web-1"`)
  }
}
