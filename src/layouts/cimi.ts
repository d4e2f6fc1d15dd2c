import { Buffer } from 'node:buffer'
import { textFile } from '../model/files.ts'
import { decodeBase64 } from '../wire/base64.ts'
import { textOf } from './json.ts'
import type { Layout } from './layout.ts'

const USER_DATA = 'cimi/latest/user-data'

/**
 * CIMI's path in the guest. "The user_data accessed from the machine should match the exact string passed in the machine
 * create operation", and what is passed is base64: so, alone among the layouts, this one writes base64.
 *
 * @see DSP0263 2.0, machine template's userData
 */
export const cimi: Layout = {
  name: 'cimi',
  carries: ['userData'],

  render({ userData }) {
    if (userData === undefined) return new Map()
    return new Map([[USER_DATA, textFile(Buffer.from(userData).toString('base64'), { role: 'user-data' })]])
  },

  async read(get) {
    const text = await get(USER_DATA)
    return text && { userData: decodeBase64(textOf(text), USER_DATA) }
  },
}
