import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import { sampleSpec } from '../../test/conformance/store-samples.ts'
import { USER_DATA_MAX_BYTES } from '../model/context.ts'
import { isCloudError, type ErrorCode } from '../model/errors.ts'
import type { InstanceSpec } from '../model/instance.ts'
import { capabilitiesWith as openNebula } from '../providers/opennebula/capabilities.ts'
import { CAPABILITIES as OPENSTACK, INJECTION_LIMITS } from '../providers/openstack/capabilities.ts'
import type { Capabilities } from '../providers/provider.ts'
import { capabilitiesOf } from '../providers/qemu/capabilities.ts'
import { capabilitiesWith as stratusLab } from '../providers/stratuslab/capabilities.ts'
import { planDelivery, type PlanRules } from './plan.ts'

const QEMU = capabilitiesOf('last-resort', () => undefined)
const RULES: PlanRules = { servesMetadata: true, userDataMaxBytes: USER_DATA_MAX_BYTES }
const KEY = { name: 'jane', text: 'ssh-ed25519 AAAA jane' }
const FILE = { path: '/etc/motd', bytes: Buffer.from('hello\n') }
const SCRIPT = Buffer.from('#!/bin/sh\n')
const HEPIX = Buffer.from('[amiconfig]\nplugins=cernvm\n')

const planned = (capabilities: Capabilities, asked: Partial<InstanceSpec>, rules = RULES) =>
  planDelivery(sampleSpec(asked), { name: 'there', capabilities }, rules)

/** What is lost on the way, way by way. */
const lost = (capabilities: Capabilities, asked: Partial<InstanceSpec>, rules = RULES): readonly string[] =>
  planned(capabilities, asked, rules)
    .warnings.filter(({ code }) => code === 'not-carried')
    .map(({ message }) => message)

describe('a plan says what a cloud’s own way loses', () => {
  it('of an OpenStack: files, but for a config drive; a host name’s domain', () => {
    const bare = { ...OPENSTACK, ...INJECTION_LIMITS }
    const whole = { userData: SCRIPT, hostname: 'web-1', publicKeys: [KEY], variables: { a: 'b' } }
    assert.deepEqual(lost(bare, whole), [])
    assert.deepEqual(lost(bare, { ...whole, files: [FILE] }), ['files: not carried by metadata'])
    assert.deepEqual(lost(OPENSTACK, { ...whole, files: [FILE] }), [], 'vendor data of ours bring them')
    assert.deepEqual(
      lost(bare, { hostname: 'web.example.org' }).map((message) => message.split(',')[0]),
      ['metadata', 'disk'].map((way) => `hostname: with its dots it is not carried by ${way}`),
    )
  })

  it('of an OpenStack whose guests we answer: nothing that our own layouts have', () => {
    const rules = { ...RULES, answersFor: new Map([['there', { keepsDisk: false }]]) }
    assert.deepEqual(lost(OPENSTACK, { hostname: 'web.example.org', variables: { a: 'b' }, files: [FILE] }, rules), [])
  })

  it('of an OpenNebula: nothing that it takes', () => {
    const whole = { userData: SCRIPT, hostname: 'web.example.org', publicKeys: [KEY], variables: { A: 'b' } }
    assert.deepEqual(lost(openNebula(100), whole), [])
    assert.throws(
      () => planned(openNebula(100), { files: [FILE] }),
      (error) => isCloudError(error, 'too-large'),
    )
  })

  it('of a StratusLab: the host name, by its method cloud-init alone', () => {
    const told = { hostname: 'web-1', publicKeys: [KEY] }
    const site = stratusLab({ defaultContextMethod: 'one' })
    assert.deepEqual(lost(site, { ...told, userData: HEPIX, variables: { A: 'b' } }), [])
    assert.deepEqual(lost(site, { ...told, userData: SCRIPT }), ['hostname: not carried by disk'])
  })

  it('of a cloud that says nothing of it: nothing', () => {
    const [first] = openNebula(100).deliveries
    assert.ok(first)
    const { carries: _, ...silent } = first
    assert.deepEqual(lost({ ...openNebula(100), deliveries: [silent] }, { hostname: 'web-1' }), [])
  })
})

describe('a plan for a guest that gets one of several layouts', () => {
  const chosen = (capabilities: Capabilities, asked: Partial<InstanceSpec>) => {
    const [{ layouts, why } = { layouts: [], why: '' }] = planned(capabilities, asked).deliveries
    return [layouts, why.split('; ').at(-1)]
  }

  it('names it, and why', () => {
    const site = stratusLab({ defaultContextMethod: 'one' })
    assert.deepEqual(chosen(site, { userData: SCRIPT }), [
      ['stratuslab'],
      "StratusLab's method cloud-init, because the user data are script",
    ])
    assert.deepEqual(chosen(site, { userData: HEPIX }), [
      ['stratuslab-one'],
      "StratusLab's method one, because the user data are INI for amiconfig",
    ])
    assert.deepEqual(chosen(site, {}), [
      ['stratuslab-one'],
      "StratusLab's method one, because the site's default method is one",
    ])
    assert.deepEqual(chosen(stratusLab({ defaultContextMethod: 'cloud-init' }), { variables: { A: 'b' } }), [
      ['stratuslab-one'],
      "StratusLab's method one, because there are variables",
    ])
    assert.deepEqual(
      chosen(stratusLab({ defaultContextMethod: 'one', contextMethod: 'cloud-init' }), { userData: HEPIX }),
      [['stratuslab'], "StratusLab's method cloud-init, because the site has set contextMethod to cloud-init"],
    )
  })

  it('warns of what some of its readers lose, where the user wishes for it', () => {
    const site = stratusLab({ defaultContextMethod: 'cloud-init' })
    const doubts = (asked: Partial<InstanceSpec>) =>
      planned(site, asked)
        .warnings.filter(({ code }) => code === 'guest-may-ignore')
        .map(({ message }) => message.split(':')[0])
    assert.deepEqual(doubts({ userData: SCRIPT }), [])
    assert.deepEqual(doubts({ userData: SCRIPT, publicKeys: [KEY] }), ['publicKeys'])
    assert.deepEqual(doubts({ userData: HEPIX, publicKeys: [KEY] }), [])
  })

  const REFUSED: readonly (readonly [what: string, asked: Partial<InstanceSpec>, code: ErrorCode, message: RegExp])[] =
    [
      ['variables', { userData: SCRIPT, variables: { A: 'b' } }, 'unsupported', /^variables: .*cloud-init.*script/],
      [
        'data that are no text',
        { userData: Buffer.from([0x23, 0x21, 0xff]) },
        'unsupported',
        /^userData: .*\(3 bytes\)/,
      ],
      ['more than its own limit', { userData: Buffer.alloc(32_769, '[hepix]\n') }, 'too-large', /32769.*32768$/],
    ]
  for (const [what, asked, code, message] of REFUSED)
    it(`refuses ${what}, before any cloud is asked`, () => {
      assert.throws(
        () => planned(stratusLab({ defaultContextMethod: 'one' }), asked),
        (error) => isCloudError(error, code) && message.test(error.message),
      )
    })
})

describe('a last resort', () => {
  const ways = (asked: Partial<InstanceSpec>, rules = RULES, { deliveries } = QEMU) =>
    planned({ ...QEMU, deliveries }, asked, rules).deliveries.map(({ method }) => method)

  it('is planned where no other way fits, or where the user asks for it', () => {
    const withoutDisk = { deliveries: QEMU.deliveries.filter(({ method }) => method !== 'disk') }
    assert.deepEqual(ways({}), ['metadata', 'disk'])
    assert.deepEqual(ways({ by: 'injection' }), ['injection'])
    assert.deepEqual(ways({}, { ...RULES, servesMetadata: false }, { ...QEMU, ...withoutDisk }), ['injection'])
  })

  it('is planned last where its provider says that it is none', () => {
    assert.deepEqual(
      ways(
        {},
        RULES,
        capabilitiesOf('always', () => undefined),
      ),
      ['metadata', 'disk', 'injection'],
    )
  })

  it('carries files, and says which owners it cannot know', () => {
    assert.deepEqual(lost(QEMU, { by: 'injection', files: [{ ...FILE, owner: 'root', group: '33' }] }), [])
    assert.match(lost(QEMU, { by: 'injection', files: [{ ...FILE, owner: 'www' }] })[0] ?? '', /^files: an owner/)
  })
})
