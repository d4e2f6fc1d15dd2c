import { Buffer } from 'node:buffer'

/** The members of `phone_home`'s form that have keys, each with the types that it can have. DSA is no longer trusted by anybody. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  pub_key_ed25519: ['ssh-ed25519'],
  pub_key_ecdsa: ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  pub_key_rsa: ['ssh-rsa'],
}

/** RSA with 16384 bits, the most that OpenSSH makes, has some 2750. */
const BASE64_MAX_CHARACTERS = 4000

/** As in a `.pub` file: a comment may follow. */
const KEY = /^([\w@.-]{1,40}) ([A-Za-z0-9+/]+={0,2})(?: .*)?\n?$/

/**
 * The SSH host keys in a form of `phone_home`, best first, each as type and base64: the comment behind them is left out, and so
 * is what is no key (`N/A`, where the guest has none of a type).
 */
export function hostKeysIn(form: URLSearchParams): readonly string[] {
  return Object.entries(TYPES).flatMap(([name, types]) => {
    const [, type = '', base64 = ''] = KEY.exec(form.get(name) ?? '') ?? []
    return types.includes(type) && base64.length <= BASE64_MAX_CHARACTERS && isKey(type, base64)
      ? [`${type} ${base64}`]
      : []
  })
}

/** Its bytes say its type once more. @see RFC 4253 section 6.6 */
function isKey(type: string, base64: string): boolean {
  const bytes = Buffer.from(base64, 'base64')
  const [start, end] = [4, 4 + type.length]
  if (bytes.length <= end || bytes.toString('base64') !== base64) return false
  return bytes.readUInt32BE(0) === type.length && bytes.toString('latin1', start, end) === type
}
