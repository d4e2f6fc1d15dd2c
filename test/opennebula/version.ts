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
  /** Only these methods; absent: all. */
  readonly methods?: ReadonlySet<string>
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
} as const

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
  '6.8': {
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
  },
}
