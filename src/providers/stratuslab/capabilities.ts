import { USER_DATA_MAX_BYTES } from '../../model/context.ts'
import type { Capabilities, LayoutOption } from '../provider.ts'
import type { ContextMethod, MethodRules } from './method.ts'

/** StratusLab's client sends no more by its method cloud-init, packed by gzip. */
export const PACKED_MAX_BYTES = 16_384
/** By the method one: in base64, with all else of a VM, it fits into the 64 KiB that a database of that age has for it. */
export const ONE_MAX_BYTES = 32_768

const OTHER_WAYS = "put it into the user's own data: #cloud-config has write_files (path, content, permissions, owner)"

/** Formats that no program of those that read either disk knows are in neither list. */
const METHODS: Readonly<Record<ContextMethod, Omit<LayoutOption, 'why'>>> = {
  one: {
    layout: 'stratuslab-one',
    title: "StratusLab's method one",
    formats: ['hepix', 'context-sh', 'ini'],
    carries: ['userData', 'hostname', 'publicKeys', 'variables'],
    userDataMaxBytes: ONE_MAX_BYTES,
  },
  'cloud-init': {
    layout: 'stratuslab',
    title: "StratusLab's method cloud-init",
    formats: [
      'script',
      'script-per-boot',
      'script-per-instance',
      'script-per-once',
      'cloud-config',
      'cloud-config-archive',
      'cloud-config-jsonp',
      'boothook',
      'include',
      'include-once',
      'part-handler',
      'jinja',
      'multipart',
      'ignition',
      'json',
    ],
    carries: ['userData', 'publicKeys'],
    refuses: {
      binary: 'send it unpacked, as text; or have the site set contextMethod = "one"',
      variables: 'put them into the user data',
    },
    doubts: {
      publicKeys:
        'a cloud-init of today (22.4 and newer) leaves a disk of this method with keys alone, and the user data on it too',
    },
    // How much it is when packed, only the driver sees; it refuses what is too large.
    userDataMaxBytes: USER_DATA_MAX_BYTES,
  },
}

/** The method that writes a layout. */
export function methodOf(layout: string): ContextMethod | undefined {
  return (['one', 'cloud-init'] as const).find((method) => METHODS[method].layout === layout)
}

/**
 * What StratusLab does for its guests in its own way: one disk, of one of two kinds. Where the site has said which, it is the only one
 * named; else the usual one comes first. Nothing shows whether a guest took it.
 */
export function capabilitiesWith(rules: MethodRules): Capabilities {
  const oneOf = optionsWith(rules)
  return {
    deliveries: [
      {
        method: 'disk',
        by: 'provider',
        layouts: oneOf.map(({ layout }) => layout),
        oneOf,
        userDataMaxBytes: Math.max(...oneOf.map(({ userDataMaxBytes }) => userDataMaxBytes)),
        evidence: [],
      },
    ],
    // OpenNebula 3.2 switches nothing off: what its clients call "stop" saves the memory.
    actions: ['restart', 'suspend', 'resume'],
    // A VM is in the list from the moment it is made; this covers a request that is on its way still.
    settleMs: 5000,
    update: false,
    files: { max: 0, eachMaxBytes: 0, pathMaxCharacters: 255, carries: [] },
    otherWays: OTHER_WAYS,
  }
}

/** The disks that a guest may get, the usual one first. */
export function optionsWith({
  contextMethod,
  defaultContextMethod,
}: MethodRules): readonly [LayoutOption, ...LayoutOption[]] {
  if (contextMethod !== undefined)
    return [{ ...METHODS[contextMethod], why: `the site has set contextMethod to ${contextMethod}` }]
  const other: ContextMethod = defaultContextMethod === 'one' ? 'cloud-init' : 'one'
  return [
    { ...METHODS[defaultContextMethod], why: `the site's default method is ${defaultContextMethod}` },
    { ...METHODS[other], why: `the site's default method, ${defaultContextMethod}, has no place for what there is` },
  ]
}
