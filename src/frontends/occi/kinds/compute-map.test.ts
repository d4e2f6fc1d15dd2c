import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { ContextEvent } from '../../../model/events.ts'
import type { Instance, InstanceState } from '../../../model/instance.ts'
import { catalogueOf } from '../catalogue.ts'
import { checkEntity } from '../check.ts'
import { COMPUTE_ACTIONS } from '../categories.ts'
import { allows, fromInstance, toAction, toSpec, type Shown } from './compute-map.ts'
import { textPlain } from '../text.ts'

const INSTANCE: Instance = {
  id: '563487e7-2d8a-473c-b767-e84b6a09da3e',
  provider: 'memory',
  subject: 'test/alice',
  project: 'test/red',
  state: 'active',
  spec: { publicKeys: [], variables: {}, files: [], labels: {} },
  image: { name: 'memory-debian', provider: 'memory', remoteId: 'debian', title: 'Debian' },
  size: { name: 'memory-small', provider: 'memory', remoteId: 'small', title: 'Small', cores: 2, memoryMiB: 1536 },
  plan: { provider: 'memory', deliveries: [], warnings: [] },
  revision: 2,
  facts: { launchIndex: 0 },
  createdAt: 0,
  updatedAt: 0,
}

const NOTHING: Shown = { links: [], events: [], usersMixins: [] }

const STATES: readonly InstanceState[] = [
  'creating',
  'active',
  'inactive',
  'suspended',
  'deleting',
  'deleted',
  'error',
  'unknown',
]

test('every state is one of OCCI, has an action, and only error is fatal', () => {
  for (const state of STATES) {
    const { attributes, links } = fromInstance({ ...INSTANCE, state }, NOTHING)
    const shown = String(attributes.get('occi.compute.state'))
    assert.ok(['active', 'inactive', 'suspended', 'error'].includes(shown))
    assert.equal(shown === 'error', state === 'error')
    assert.ok(links.length > 0)
  }
})

test('says why before it says what, in words that no client cuts', () => {
  const { attributes } = fromInstance({ ...INSTANCE, state: 'error', reason: 'quota: "cores", 4; \\ of 2' }, NOTHING)
  const names = [...attributes.keys()]
  assert.equal(attributes.get('occi.compute.state.message'), 'quota: cores 4 of 2')
  assert.ok(names.indexOf('occi.compute.state.message') < names.indexOf('occi.compute.state'))
})

test('shows the size in GiB', () => {
  const { attributes } = fromInstance(INSTANCE, NOTHING)
  assert.equal(attributes.get('occi.compute.cores'), 2)
  assert.equal(attributes.get('occi.compute.memory'), 1.5)
})

test('shows the delivery of the present revision, and the last event', () => {
  const event = (revision: number, kind: ContextEvent['kind'], at: number): ContextEvent => ({
    at,
    instanceId: INSTANCE.id,
    revision,
    kind,
    source: 'metadata',
    method: 'metadata',
    path: '/latest/user-data',
    detail: 'free, "text"',
  })
  const events = [event(1, 'applied', 0), event(2, 'offered', 1), event(2, 'fetched', 2)]
  const { attributes } = fromInstance(INSTANCE, { ...NOTHING, events })
  assert.equal(attributes.get('bellhop.delivery.state'), 'fetched')
  assert.equal(attributes.get('bellhop.delivery.method'), 'metadata')
  assert.equal(attributes.get('bellhop.delivery.last_event'), 'fetched metadata 1970-01-01T00:00:00.002Z')
  assert.equal(fromInstance(INSTANCE, NOTHING).attributes.has('bellhop.delivery.state'), false)
})

test('starting what is suspended resumes it', () => {
  assert.equal(toAction('start', 'suspended'), 'resume')
  assert.equal(toAction('start', 'inactive'), 'start')
  assert.equal(toAction('stop', 'active'), 'stop')
  assert.equal(allows('inactive', COMPUTE_ACTIONS.stop), false)
  assert.equal(allows('unknown', COMPUTE_ACTIONS.stop), true)
})

test('what it shows can be sent back whole, and asks for the same', () => {
  const catalogue = catalogueOf({ images: [INSTANCE.image], sizes: [INSTANCE.size] })
  const codec = textPlain('text/plain')
  // No client can send line breaks in text.
  const title = fc.string({ unit: 'grapheme' }).filter((text) => !/[\0-\x1F\x7F]/.test(text))
  const switches = fc.record(
    { tracking: fc.constant(false as const), wrap: fc.constant(true as const) },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(title, title, fc.constantFrom(...STATES), switches, (name, hostname, state, asked) => {
      const labels = { 'occi.mixins': '', 'occi.hostname': hostname }
      const instance = { ...INSTANCE, state, spec: { ...INSTANCE.spec, name, labels, ...asked } }
      const { body } = codec.render({ shows: 'entity', entity: fromInstance(instance, NOTHING) })
      const [sent = assert.fail()] = codec.parse({ headers: [], body: new TextEncoder().encode(body) })
      const { spec } = toSpec(checkEntity(sent, catalogue), [], 'base64')
      const { image, size, labels: kept, tracking, wrap } = spec
      assert.deepEqual([spec.name, image, size, kept], [name, INSTANCE.image.name, INSTANCE.size.name, labels])
      assert.deepEqual([tracking, wrap], [asked.tracking, asked.wrap])
    }),
  )
})
