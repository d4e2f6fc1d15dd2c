import type { PublicKey } from '../model/context.ts'

/**
 * The keys by name, for formats where a name can stand but once: `jane`, `jane-2`. Two keys with one comment are common,
 * and the guest must get both.
 *
 * Several keys end in a newline each, as Nova's do where the user's did: CirrOS writes them one after another as they are.
 */
export function keysByName(keys: readonly PublicKey[]): Record<string, string> {
  const byName = new Map<string, string>()
  const end = keys.length > 1 ? '\n' : ''
  for (const { name, text } of keys) {
    let free = name
    for (let count = 2; byName.has(free); count++) free = `${name}-${count}`
    byName.set(free, text + end)
  }
  return Object.fromEntries(byName)
}

/** The keys of such a format. */
export function keysFromNames(byName: Readonly<Record<string, string>>): PublicKey[] {
  return Object.entries(byName).map(([name, text]) => ({ name, text: text.replace(/[\r\n]+$/, '') }))
}
