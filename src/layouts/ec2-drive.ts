import { textFile, type FileEntry } from '../model/files.ts'
import { fromMetadata, toMetadata } from './ec2-metadata.ts'
import { parseJsonObject, renderJson } from './json.ts'
import type { Layout } from './layout.ts'

const METADATA = 'ec2/latest/meta-data.json'
const USER_DATA = 'ec2/latest/user-data'

/**
 * The EC2 part of a config drive, as Nova writes it: the metadata as one JSON object.
 *
 * HEPiX images and others read it from any disk; cloud-init only beside an OpenStack tree.
 */
export const ec2Drive: Layout = {
  name: 'ec2',
  volumeLabel: 'config-2',
  carries: ['hostname', 'userData', 'publicKeys'],

  render(context) {
    const files = new Map<string, FileEntry>([[METADATA, textFile(renderJson(toMetadata(context)))]])
    if (context.userData) files.set(USER_DATA, { bytes: context.userData, role: 'user-data' })
    return files
  },

  async read(get) {
    const bytes = await get(METADATA)
    if (bytes === undefined) return undefined
    const userData = await get(USER_DATA)
    return { ...fromMetadata(parseJsonObject(bytes, METADATA)), ...(userData ? { userData } : {}) }
  },
}
