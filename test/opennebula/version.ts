import type { Version } from './model.ts'
import type { Syntax } from './template.ts'

/** What differs between front ends. */
export interface Profile {
  readonly release: string
  readonly syntax: Syntax
  /** Between the pairs of a context, inside the front end. */
  readonly separator: string
  readonly quotes: 'single' | 'double'
  /** Absent: the disk got no label, which genisoimage writes as `CDROM`. */
  readonly label: 'CONTEXT' | undefined
  readonly contextTarget: string
  /** Failures have five elements, and pools short bodies. */
  readonly modern: boolean
  /** What is not understood stays in TEMPLATE; there is no USER_TEMPLATE. */
  readonly oneTemplate: boolean
  readonly allocateTakesHold: boolean
  /** Variables look in USER_TEMPLATE too. */
  readonly readsUserTemplate: boolean
  /** A context that is changed while a VM runs reaches its guest at once, not at its next boot. */
  readonly changesLive: boolean
  /** A changed context may be merged; else it always replaces, whatever is asked for. */
  readonly mergesContext: boolean
  readonly networksHaveState: boolean
  /** Only these methods; absent: all. */
  readonly methods?: ReadonlySet<string>
  /** All but these. */
  readonly lacks?: ReadonlySet<string>
}

const OLD_METHODS = new Set([
  'one.system.version',
  'one.vm.allocate',
  'one.vm.info',
  'one.vm.action',
  'one.vm.deploy',
  'one.vmpool.info',
  'one.vn.info',
  'one.vnpool.info',
  'one.imagepool.info',
  'one.templatepool.info',
  'one.template.info',
  'one.user.info',
])

const OLD = {
  quotes: 'double',
  label: undefined,
  contextTarget: 'hdb',
  modern: false,
  readsUserTemplate: false,
  changesLive: false,
  mergesContext: false,
  networksHaveState: false,
} as const

const MODERN: Profile = {
  release: '6.8.0',
  syntax: { xml: true, emptyValues: true, unescapes: true },
  separator: '@^_^@',
  quotes: 'single',
  label: 'CONTEXT',
  contextTarget: 'hda',
  modern: true,
  oneTemplate: false,
  allocateTakesHold: true,
  readsUserTemplate: true,
  changesLive: true,
  mergesContext: true,
  networksHaveState: true,
}

/** By version. What is not known of an older one is as in 6.8. */
export const PROFILES: Readonly<Record<Version, Profile>> = {
  '3.2': {
    ...OLD,
    release: '3.2.0',
    syntax: { xml: false, emptyValues: false, unescapes: false },
    separator: ' @^_^@ ',
    oneTemplate: true,
    allocateTakesHold: false,
    methods: OLD_METHODS,
  },
  '3.8': {
    ...OLD,
    release: '3.8.0',
    syntax: { xml: true, emptyValues: true, unescapes: false },
    separator: '@^_^@',
    oneTemplate: false,
    allocateTakesHold: true,
    methods: new Set([...OLD_METHODS, 'one.template.instantiate', 'one.vm.update']),
  },
  '5.10': {
    ...MODERN,
    release: '5.10.0',
    changesLive: false,
    mergesContext: false,
    networksHaveState: false,
    lacks: new Set(['one.vmpool.infoset']),
  },
  '6.0': { ...MODERN, release: '6.0.0', mergesContext: false, networksHaveState: false },
  '6.8': MODERN,
}
