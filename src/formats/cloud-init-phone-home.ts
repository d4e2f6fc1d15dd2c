import type { GuestWord } from './guest-word.ts'
import { hostKeysIn } from './host-keys.ts'

/** What `phone_home` can be told to post. */
const FIELDS: ReadonlySet<string> = new Set([
  'instance_id',
  'hostname',
  'fqdn',
  'pub_key_dsa',
  'pub_key_rsa',
  'pub_key_ecdsa',
  'pub_key_ed25519',
])

const FORM = /^[\w.~+%-]+=[\w.~+%-]*(?:&[\w.~+%-]+=[\w.~+%-]*)*$/

/**
 * The form that cloud-init posts once for an instance, after the user's scripts have run, where the user's own cloud-config
 * has it phone home to us. It tells nothing of what became of them.
 *
 * @returns `undefined` for any other text
 * @see https://cloudinit.readthedocs.io/en/latest/reference/modules.html#phone-home
 */
export function parsePhoneHome(text: string): GuestWord | undefined {
  if (!FORM.test(text)) return undefined
  const form = new URLSearchParams(text)
  const names = [...form.keys()]
  if (names.some((name) => !FIELDS.has(name)) || new Set(names).size < names.length) return undefined
  const hostKeys = hostKeysIn(form)
  const keys = hostKeys.length > 0 ? { hostKeys } : {}
  return { speaker: 'cloud-init', kind: 'finished', detail: 'cloud-init phoned home', ...keys }
}
