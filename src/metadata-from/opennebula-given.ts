import { unpack } from '../formats/gzip.ts'
import { toPublicKey, type PublicKey } from '../model/context.ts'
import { reasonOf } from '../model/errors.ts'
import type { OneRecord } from '../providers/one-xml.ts'
import { decodeBase64 } from '../wire/base64.ts'

/** Told what is odd about a VM; never a value of its CONTEXT. */
export type Tell = (line: string) => void

/** Where keys are in clear, by the names that guests and front ends know; the same one in several of them is one key. */
const KEYS = ['SSH_KEY', 'SSH_PUBLIC_KEY', 'EC2_PUBLIC_KEY', 'PUBLIC_KEY']
/** StratusLab's, in base64. */
const PACKED_KEYS = 'CLOUD_INIT_AUTHORIZED_KEYS'
/** What is written where StratusLab's scripts want a key and there is none. */
const NO_KEY = 'none'

/** The keys that a CONTEXT has. */
export function publicKeysOf(id: number, context: OneRecord, tell: Tell): readonly PublicKey[] {
  const lines = new Set(
    [...KEYS.map((name) => context[name] ?? ''), packedKeys(id, context, tell)]
      .flatMap((text) => text.split('\n'))
      .map((line) => line.trim())
      .filter((line) => line !== '' && line !== NO_KEY && !line.startsWith('#')),
  )
  const first = context['EC2_KEYNAME'] || 'key-0'
  const keys: PublicKey[] = []
  for (const line of lines)
    try {
      keys.push(toPublicKey(line, keys.length === 0 ? first : `key-${keys.length}`))
    } catch {
      tell(`VM ${id}: a line among its public keys is none; its guest is not told of it`)
    }
  return keys
}

function packedKeys(id: number, context: OneRecord, tell: Tell): string {
  try {
    return new TextDecoder().decode(decodeBase64(context[PACKED_KEYS] ?? '', PACKED_KEYS))
  } catch (error) {
    tell(`VM ${id}: ${reasonOf(error)}; its guest is not told of those keys`)
    return ''
  }
}

/** The most that StratusLab's 16384 bytes of gzip can hold; a user could write more, to fill our memory. */
const UNPACKED_MAX_BYTES = 17 * 1024 * 1024

type Form = 'text' | 'base64' | 'gzip in base64'

/**
 * The user's bytes. They are read as cloud-init reads them, which the same CONTEXT may reach by disk: one encoding of two is enough,
 * and what then is no base64 counts as text. The guest's own words for that are better than no data at all.
 *
 * By StratusLab's method `cloud-init` they are gzip, which its client made, and unpacked once.
 */
export function userDataOf(id: number, context: OneRecord, tell: Tell): Uint8Array | undefined {
  const isEncoded = [context['USER_DATA_ENCODING'], context['USERDATA_ENCODING']].includes('base64')
  const usual = isEncoded ? 'base64' : 'text'
  const places: readonly (readonly [name: string, form: Form])[] = [
    ...(context['CONTEXT_METHOD'] === 'cloud-init' ? [['CLOUD_INIT_USER_DATA', 'gzip in base64'] as const] : []),
    ['USER_DATA', usual],
    ['USERDATA', usual],
    ['EC2_USER_DATA', 'base64'],
  ]
  for (const [name, form] of places) {
    const text = context[name]
    if (text === undefined || text === '') continue
    if (form === 'text') return new TextEncoder().encode(text)
    try {
      const bytes = decodeBase64(text, name)
      // A copy: small buffers are cut from larger ones, which they would keep.
      return new Uint8Array(form === 'base64' ? bytes : unpacked(id, bytes, tell))
    } catch (error) {
      tell(`VM ${id}: ${reasonOf(error)}; its guest gets it as it stands`)
      return new TextEncoder().encode(text)
    }
  }
  return undefined
}

function unpacked(id: number, bytes: Uint8Array, tell: Tell): Uint8Array {
  const found = unpack(bytes, UNPACKED_MAX_BYTES)
  if ('bytes' in found) return found.bytes
  tell(`VM ${id}: CLOUD_INIT_USER_DATA: ${found.refused}; its guest gets it packed`)
  return bytes
}
