import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Capabilities } from '../providers/provider.ts'
import { memoryProvider, type MemoryProviderOptions } from '../providers/memory/index.ts'
import { abilitiesOf } from './abilities.ts'
import type { PlanRules } from './plan.ts'

const METADATA = { method: 'metadata', by: 'bellhop', layouts: ['ec2'], userDataMaxBytes: 300, evidence: [] } as const
const DISK = { ...METADATA, method: 'disk', userDataMaxBytes: 100, disk: { format: 'iso', label: 'cidata' } } as const
const VFAT = { ...DISK, userDataMaxBytes: 200, disk: { format: 'vfat', label: 'cidata' } } as const
const OWN_METADATA = { ...METADATA, by: 'provider', userDataMaxBytes: 50 } as const

const told = (rules: Partial<PlanRules>, ...clouds: readonly MemoryProviderOptions[]) =>
  abilitiesOf({
    providers: new Map(clouds.map((cloud) => [cloud.name ?? 'here', memoryProvider(cloud)])),
    rules: { servesMetadata: true, userDataMaxBytes: 1000, ...rules },
  })

const cloud = (...deliveries: Capabilities['deliveries']): MemoryProviderOptions => ({ capabilities: { deliveries } })

test('abilities are told by provider, in the order of the configuration', () => {
  const few = { name: 'few', saveImage: false, capabilities: { actions: ['stop'], deliveries: [DISK] } } as const
  assert.deepEqual(told({}, few, { name: 'all', capabilities: { deliveries: [METADATA, DISK] } }), [
    { name: 'few', methods: ['disk'], actions: ['stop'], savesImages: false, userDataMaxBytes: 100 },
    {
      name: 'all',
      methods: ['metadata', 'disk'],
      actions: ['start', 'stop', 'restart', 'suspend', 'resume'],
      savesImages: true,
      userDataMaxBytes: 300,
    },
  ])
})

const METHODS: readonly (readonly [
  why: string,
  rules: Partial<PlanRules>,
  deliveries: Capabilities['deliveries'],
  methods: readonly string[],
  userDataMaxBytes: number,
])[] = [
  ['metadata by us only where we serve it', { servesMetadata: false }, [METADATA, DISK], ['disk'], 100],
  ['metadata by the cloud wherever it is', { servesMetadata: false }, [OWN_METADATA], ['metadata'], 50],
  ['a method once, with the most that any takes', {}, [DISK, VFAT], ['disk'], 200],
  ['no more bytes than the server takes', { userDataMaxBytes: 10 }, [METADATA, DISK], ['metadata', 'disk'], 10],
  ['no bytes where nothing can be delivered', { servesMetadata: false }, [METADATA], [], 0],
]
for (const [why, rules, deliveries, methods, userDataMaxBytes] of METHODS)
  test(`abilities name ${why}`, () => {
    const [abilities] = told(rules, cloud(...deliveries))
    assert.deepEqual([abilities?.methods, abilities?.userDataMaxBytes], [methods, userDataMaxBytes])
  })
