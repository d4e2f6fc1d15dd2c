import { Buffer } from 'node:buffer'
import { parseContextSh, renderContextSh } from '../formats/context-sh.ts'
import type { Context, PublicKey } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { textFile, type FileEntry } from '../model/files.ts'
import { toEthVariables } from './context-sh-network.ts'
import { fromContextVariables, toContextVariables, toPublicKeys } from './context-sh-variables.ts'
import { textOf } from './json.ts'
import type { Getter, Layout } from './layout.ts'

/** The file that OpenNebula's guests source, in the root of the disk. */
export const CONTEXT_SH = 'context.sh'

/**
 * OpenNebula's context disk. Its guests find it by the label `CONTEXT` (before OpenNebula 4.2: `CDROM`); HEPiX images and uCernVM
 * on any disk.
 *
 * There is no instance id in it: cloud-init has the same one for all such disks, and so applies none but the first.
 *
 * @see https://docs.opennebula.io/7.0/product/virtual_machines_operation/virtual_machines/vm_templates (Contextualization)
 */
export const opennebula: Layout = {
  name: 'opennebula',
  volumeLabel: 'CONTEXT',
  carries: ['hostname', 'userData', 'publicKeys', 'variables'],

  render: (context) => new Map([[CONTEXT_SH, contextShOf(context)]]),

  async read(get) {
    const variables = await readContextSh(get)
    if (variables === undefined) return undefined
    const said = fromContextVariables(variables)
    const publicKeys = said.publicKeys?.length ? said.publicKeys : await readRootPublicKey(get, variables)
    return { ...said, publicKeys }
  },
}

/** `context.sh` with all that it can say of a context; the same bytes on every disk that has one. */
export function contextShOf(context: Context): FileEntry {
  const variables = toContextVariables(context)
  for (const [name, value] of context.network ? toEthVariables(context.network) : []) variables.set(name, value)
  return textFile(renderContextSh(variables), context.userData ? { role: 'user-data' } : {})
}

/**
 * The variables of a disk's `context.sh`; `undefined` where there is none.
 *
 * @throws {CloudError} invalid when it is not UTF-8, or has more than plain assignments
 */
export async function readContextSh(get: Getter): Promise<ReadonlyMap<string, string> | undefined> {
  const bytes = await get(CONTEXT_SH)
  if (bytes === undefined) return undefined
  const text = textOf(bytes)
  // Else user data in clear would be changed on their way.
  if (!Buffer.from(text, 'utf8').equals(bytes)) throw new CloudError('invalid', `${CONTEXT_SH}: is not UTF-8`)
  return parseContextSh(text)
}

/** The keys in the file on the disk that older contexts name: `ROOT_PUBKEY='id_rsa.pub'`. */
export async function readRootPublicKey(
  get: Getter,
  variables: ReadonlyMap<string, string>,
): Promise<readonly PublicKey[]> {
  const name = variables.get('ROOT_PUBKEY') ?? ''
  // The reader may stand on a mounted disk, which a name must not lead out of.
  if (!/^[\w-][\w.-]{0,254}$/.test(name)) return []
  const bytes = await get(name)
  return bytes === undefined ? [] : toPublicKeys(textOf(bytes))
}
