import { DISK_LAYOUTS, METADATA_LAYOUTS } from '../../src/layouts/index.ts'
import type { Context, PublicKey } from '../../src/model/context.ts'
import { shellContexts, textContexts } from './layout-contexts.ts'
import { testLayout, type LayoutUnderTest } from './layout.ts'

/** Of keys, the lines alone are written down. */
const withoutKeyNames = (context: Context): Context => ({
  ...context,
  publicKeys: context.publicKeys.map(({ text }, index) => ({ name: `key-${index}`, text })),
})

/** What stands in a `context.sh` is a shell's. */
const CONTEXT_SH = { writable: shellContexts, carried: withoutKeyNames }

/** What a layout of this name cannot say as it is. */
const LIMITS: Readonly<Record<string, Omit<LayoutUnderTest, 'name' | 'layout'>>> = {
  // The password that a guest leaves is kept by the metadata server.
  openstack: { answeredElsewhere: ['password'] },
  nocloud: {
    // cloud-init asks for every file, so an empty one means none; and keys stand in an object, by name.
    carried: ({ userData, vendorData, ...context }) => ({
      ...context,
      ...(userData && userData.length > 0 ? { userData } : {}),
      ...(vendorData && vendorData.length > 0 ? { vendorData } : {}),
      publicKeys: byName(context.publicKeys),
    }),
  },
  opennebula: CONTEXT_SH,
  hepix: CONTEXT_SH,
  'stratuslab-one': CONTEXT_SH,
  // JSON holds text alone.
  stratuslab: { writable: textContexts, carried: withoutKeyNames },
}

for (const { mount, layout } of METADATA_LAYOUTS)
  testLayout({ name: `${layout.name}, served at /${mount}`, layout, ...LIMITS[layout.name] })

for (const [name, layout] of Object.entries(DISK_LAYOUTS))
  testLayout({ name: `${name}, on a disk`, layout, ...LIMITS[name] })

/** A name stands but once: the second `jane` is `jane-2`. Names that are numbers come first, as objects have it. */
function byName(keys: readonly PublicKey[]): Context['publicKeys'] {
  const named: PublicKey[] = []
  for (const { name, text } of keys) {
    const taken = new Set(named.map((key) => key.name))
    let count = 1
    const numbered = (): string => (count === 1 ? name : `${name}-${count}`)
    while (taken.has(numbered())) count++
    named.push({ name: numbered(), text })
  }
  const isNumber = ({ name }: PublicKey): boolean => /^(?:0|[1-9]\d{0,8})$/.test(name)
  const numbers = named.filter(isNumber).toSorted((one, other) => Number(one.name) - Number(other.name))
  return [...numbers, ...named.filter((key) => !isNumber(key))]
}
