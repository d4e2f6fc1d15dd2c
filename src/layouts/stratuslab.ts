import { Buffer } from 'node:buffer'
import type { Context, PublicKey } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { textFile, type FileEntry } from '../model/files.ts'
import { toPublicKeys } from './context-sh-variables.ts'
import { given } from './given.ts'
import { parseJsonObject, renderJson, textIn, textOf } from './json.ts'
import type { Layout } from './layout.ts'

const META = 'meta.js'
const AUTHORIZED_KEYS = 'root/.ssh/authorized_keys'

/**
 * StratusLab's cloud-init disk, which is cloud-init's config drive of version 1, mended: the keys stand in `meta.js` too, as current
 * cloud-init ends with an error at the file of them, and so does an instance id. It is not told to run before the network, where a script
 * could download nothing.
 *
 * On FAT, attached as a disk: what StratusLab's images look for. cloud-init finds such a disk by itself only where NoCloud or OpenStack
 * files are on it too.
 *
 * @see https://cloudinit.readthedocs.io/en/22.4.2/topics/datasources/configdrive.html (Version 1)
 */
export const stratuslab: Layout = {
  name: 'stratuslab',
  volumeLabel: '_CLOUD_INIT',
  carries: ['guestId', 'userData', 'publicKeys'],

  render({ guestId, userData, publicKeys }) {
    const keys = publicKeys.map(({ text }) => `${text}\n`).join('')
    const meta = {
      'user-data': userData && toText(userData),
      dsmode: 'net',
      'public-keys': keys === '' ? undefined : keys,
      'instance-id': guestId,
    }
    const files = new Map<string, FileEntry>([
      [META, textFile(renderJson(meta), userData ? { role: 'user-data' } : {})],
    ])
    if (keys !== '') files.set(AUTHORIZED_KEYS, textFile(keys, { role: 'keys', mode: 0o600 }))
    return files
  },

  async read(get): Promise<Partial<Context> | undefined> {
    const bytes = await get(META)
    if (bytes === undefined) return undefined
    const meta = parseJsonObject(bytes, META)
    const userData = textIn(meta['user-data'])
    return {
      ...given({
        guestId: textIn(meta['instance-id']),
        userData: userData === undefined ? undefined : Buffer.from(userData),
      }),
      publicKeys: toKeys(textIn(meta['public-keys']), await get(AUTHORIZED_KEYS)),
    }
  },
}

// StratusLab's own disks have the keys in the file alone.
function toKeys(text: string | undefined, file: Uint8Array | undefined): readonly PublicKey[] {
  return toPublicKeys(text ?? (file && textOf(file)))
}

function toText(userData: Uint8Array): string {
  const text = textOf(userData)
  if (Buffer.from(text, 'utf8').equals(userData)) return text
  throw new CloudError(
    'invalid',
    `userData: is not UTF-8 (${userData.length} bytes); StratusLab's disk has it as a text: send it as base64 of your own, or choose another disk`,
  )
}
