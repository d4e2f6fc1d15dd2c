import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { anySpec, sampleSpec } from '../../test/conformance/store-samples.ts'
import { sha256 } from '../model/digest.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import { METHODS } from '../model/events.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { DeliveryCapability } from '../providers/provider.ts'
import { planDelivery } from './plan.ts'

const METADATA: DeliveryCapability = {
  method: 'metadata',
  by: 'bellhop',
  layouts: ['openstack', 'ec2'],
  userDataMaxBytes: 100_000,
  evidence: ['access', 'report'],
}
const DISK: DeliveryCapability = {
  method: 'disk',
  by: 'bellhop',
  layouts: ['openstack', 'nocloud'],
  userDataMaxBytes: 200_000,
  evidence: ['console'],
  disk: { format: 'iso', label: 'config-2' },
}
const TARGET = { name: 'here', capabilities: { deliveries: [METADATA, DISK] } }
const RULES = { servesMetadata: true, userDataMaxBytes: 1_000_000 }

const withData = (sizeBytes: number): InstanceSpec => sampleSpec({ userData: Buffer.alloc(sizeBytes, '#!/bin/sh\n') })

describe('plan', () => {
  it('takes every way that fits, in the order in which guests try them, and says why', () => {
    const { deliveries, userData, warnings, provider } = planDelivery(withData(100), TARGET, RULES)
    assert.deepEqual(
      deliveries.map(({ method }) => method),
      ['metadata', 'disk'],
    )
    assert.match(deliveries[0]?.why ?? '', /tried first/)
    assert.deepEqual(deliveries[1]?.disk, { format: 'iso', label: 'config-2' })
    assert.deepEqual(userData, {
      sizeBytes: 100,
      sha256: sha256(withData(100).userData ?? Buffer.of()),
      format: 'script',
    })
    assert.deepEqual(warnings, [])
    assert.equal(provider, 'here')
  })

  it('says which ways the cloud carries itself, whether or not a server of ours runs', () => {
    const clouds = { ...METADATA, by: 'provider', evidence: [] } as const
    const target = { name: 'there', capabilities: { deliveries: [clouds, DISK] } }
    for (const servesMetadata of [true, false]) {
      const { deliveries } = planDelivery(withData(1), target, { ...RULES, servesMetadata })
      assert.deepEqual(
        deliveries.map(({ method, by }) => [method, by]),
        [
          ['metadata', 'provider'],
          ['disk', undefined],
        ],
      )
    }
  })

  it("expects to see what guests ask for where a cloud has us answer in its own service's place", () => {
    const clouds = (['metadata', 'disk'] as const).map((method) => ({
      ...METADATA,
      method,
      by: 'provider' as const,
      evidence: ['console'] as const,
    }))
    const target = { name: 'there', capabilities: { deliveries: clouds } }
    const planned = (keepsDisk: boolean | undefined, name = 'there', by?: InstanceSpec['by']) => {
      const rules = keepsDisk === undefined ? RULES : { ...RULES, answersFor: new Map([[name, { keepsDisk }]]) }
      const { deliveries } = planDelivery({ ...withData(1), ...(by ? { by } : {}) }, target, rules)
      return deliveries.map((each) => [each.method, each.by, ...each.evidence])
    }
    const [witnessed, unseen] = [
      ['metadata', 'provider', 'access', 'report', 'agent', 'console'],
      ['metadata', 'provider', 'console'],
    ]
    const disk = ['disk', 'provider', 'console']
    assert.deepEqual(planned(undefined), [unseen, disk])
    assert.deepEqual(planned(true, 'elsewhere'), [unseen, disk])
    assert.deepEqual(planned(true), [witnessed, disk])
    assert.deepEqual(planned(false), [witnessed], 'a guest that takes the disk would not ask us')
    assert.deepEqual(planned(false, 'there', 'disk'), [disk], 'unless the user insists on it')
  })

  it('expects reports where vendor data of ours come with what a cloud carries', () => {
    const theirs = { ...METADATA, by: 'provider', evidence: ['console'] } as const
    const target = { name: 'there', capabilities: { deliveries: [theirs] } }
    const evidence = (heardFrom: string) =>
      planDelivery(withData(1), target, { ...RULES, hearsFrom: new Set([heardFrom]) }).deliveries[0]?.evidence
    assert.deepEqual(evidence('there'), ['report', 'agent', 'console'])
    assert.deepEqual(evidence('elsewhere'), ['console'])
  })

  it('expects no report, and says that nothing is told to, where the user or the configuration wants no tracking', () => {
    const target = {
      name: 'there',
      capabilities: {
        deliveries: [
          { ...METADATA, evidence: ['access', 'report', 'agent', 'console'] as const },
          { ...METADATA, method: 'disk' as const, evidence: ['report', 'agent'] as const },
        ],
      },
    }
    const rules = { ...RULES, hearsFrom: new Set(['there']) }
    const unwanted = planDelivery({ ...withData(1), tracking: false }, target, rules)
    assert.equal(unwanted.tracking, false)
    const expected = unwanted.deliveries.map(({ evidence }) => evidence)
    assert.deepEqual(expected, [['access', 'agent', 'console'], []], 'a console shows what an agent says unasked')
    assert.deepEqual(planDelivery(withData(1), target, { ...rules, tracks: false }), unwanted)
    assert.equal(planDelivery(withData(1), target, rules).tracking, undefined)
  })

  it('keeps our own ways as they are where a cloud has us answer', () => {
    const rules = { ...RULES, answersFor: new Map([['here', { keepsDisk: false }]]) }
    assert.deepEqual(planDelivery(withData(1), TARGET, rules), planDelivery(withData(1), TARGET, RULES))
  })

  it('leaves out a way that the data is too large for', () => {
    const { deliveries } = planDelivery(withData(100_001), TARGET, RULES)
    assert.deepEqual(
      deliveries.map(({ method }) => method),
      ['disk'],
    )
  })

  it('plans the one way that the user insists on', () => {
    const { deliveries } = planDelivery({ ...withData(1), by: 'disk' }, TARGET, RULES)
    assert.deepEqual(
      deliveries.map(({ method, why }) => [method, why]),
      [['disk', 'you asked for it']],
    )
  })

  it('plans for keys and names where there is no user data', () => {
    const plan = planDelivery(sampleSpec({ hostname: 'web-1' }), TARGET, RULES)
    assert.equal(plan.deliveries.length, 2)
    assert.equal(plan.userData, undefined)
    assert.deepEqual(plan.warnings, [])
  })

  const REFUSALS: readonly (readonly [
    why: string,
    spec: InstanceSpec,
    code: ErrorCode,
    message: RegExp,
    rules?: object,
  ])[] = [
    ['more than every way takes', withData(200_001), 'too-large', /^userData is 200001 bytes; here takes 200000$/],
    [
      'more than the server takes',
      withData(11),
      'too-large',
      /is 11 bytes; this server takes 10$/,
      { userDataMaxBytes: 10 },
    ],
    ['too large for the way wished for', { ...withData(100_001), by: 'metadata' }, 'too-large', /here takes 100000$/],
    [
      'a way that it has not',
      { ...withData(1), by: 'injection' },
      'unsupported',
      /by injection; it delivers by metadata, disk/,
    ],
    [
      'a server that is off',
      { ...withData(1), by: 'metadata' },
      'unsupported',
      /switched off/,
      { servesMetadata: false },
    ],
  ]
  for (const [why, spec, code, message, rules] of REFUSALS)
    it(`refuses ${why}`, () => {
      assert.throws(
        () => planDelivery(spec, TARGET, { ...RULES, ...rules }),
        (error) => isCloudError(error, code) && message.test(error.message),
      )
    })

  it('warns of data that guests will not use, and never refuses them', () => {
    const codes = (text: string): readonly string[] =>
      planDelivery(sampleSpec({ userData: Buffer.from(text) }), TARGET, RULES).warnings.map(({ code }) => code)
    assert.deepEqual(codes('{"free": "form"}'), ['format-unknown'])
    assert.deepEqual(codes('\n#!/bin/sh\n'), ['guest-may-ignore'])
    assert.deepEqual(codes('#cloud-config\nruncmd: [ls]\n'), [])
    assert.deepEqual(codes(''), [])
  })

  it('takes the word of the user for what his data are, and says where a guest will see it otherwise', () => {
    const planned = (text: string, userDataFormat: string) =>
      planDelivery(sampleSpec({ userData: Buffer.from(text), userDataFormat }), TARGET, RULES)
    assert.equal(planned('free', 'script').userData?.format, 'script')
    assert.deepEqual(planned('free', 'script').warnings, [
      { code: 'guest-may-ignore', message: 'userData is said to be script, but to a guest it looks like text' },
    ])
    assert.deepEqual(planned('#!/bin/sh\n', 'text/x-shellscript').warnings, [])
    assert.equal(planned('#!/bin/sh\n', 'text/x-shellscript').userData?.format, 'script')
    assert.equal(planned('x', 'application/x-own').userData?.format, 'application/x-own')
    assert.deepEqual(planned('#!/bin/sh\nexit 0\n[cernvm]\nusers=a:b:\n', 'script').warnings, [])
  })

  it('warns of what a way does not carry', () => {
    const ec2Only = { name: 'here', capabilities: { deliveries: [{ ...METADATA, layouts: ['ec2'] }] } }
    const { warnings } = planDelivery(sampleSpec({ variables: { a: 'b' } }), ec2Only, RULES)
    assert.deepEqual(warnings, [{ code: 'not-carried', message: 'variables: not carried by metadata' }])
  })

  it('warns where nothing would show what became of it', () => {
    const blind = { name: 'here', capabilities: { deliveries: [{ ...DISK, evidence: [] }] } }
    assert.deepEqual(
      planDelivery(withData(1), blind, RULES)
        .warnings.map(({ code }) => code)
        .includes('no-evidence'),
      true,
    )
  })

  it('is the same for the same spec, in order, and within every limit, whatever is asked for', () => {
    fc.assert(
      fc.property(anySpec, ({ by: _, ...spec }) => {
        const plan = planDelivery(spec, TARGET, RULES)
        assert.deepEqual(planDelivery(spec, TARGET, RULES), plan)
        const order = plan.deliveries.map(({ method }) => METHODS.indexOf(method))
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        )
        assert.ok(plan.deliveries.length > 0)
        assert.equal(plan.userData?.sizeBytes, spec.userData?.byteLength)
      }),
    )
  })
})
