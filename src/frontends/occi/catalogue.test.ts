import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf, discover } from './catalogue.ts'
import { ATTRIBUTES, DEFINITIONS } from './categories.ts'
import { renderCategory } from './grammar.ts'
import { typeId } from './representation.ts'

const catalogue = catalogueOf(
  [{ name: 'qemu-debian', provider: 'qemu', remoteId: '1', title: 'Debian; "12", amd64' }],
  [{ name: 'qemu-small', provider: 'qemu', remoteId: '1', title: '', cores: 1, memoryMiB: 512 }],
)
const lines = discover(catalogue, []).map(renderCategory)

test('lists exactly as clients match it', () => {
  assert.deepEqual(lines.slice(0, 4), [
    'entity; scheme="http://schemas.ogf.org/occi/core#"; class="kind"; title="Entity"; location="/entity/"; attributes="occi.core.id{immutable} occi.core.title"',
    'resource; scheme="http://schemas.ogf.org/occi/core#"; class="kind"; title="Resource"; rel="http://schemas.ogf.org/occi/core#entity"; location="/resource/"; attributes="occi.core.summary"',
    'link; scheme="http://schemas.ogf.org/occi/core#"; class="kind"; title="Link"; rel="http://schemas.ogf.org/occi/core#entity"; location="/link/"; attributes="occi.core.source occi.core.target"',
    'compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Compute"; rel="http://schemas.ogf.org/occi/core#resource"; location="/compute/"; attributes="occi.compute.architecture occi.compute.cores occi.compute.hostname occi.compute.share occi.compute.memory occi.compute.speed occi.compute.state.message{immutable} occi.compute.state{immutable}"; actions="http://schemas.ogf.org/occi/infrastructure/compute/action#start http://schemas.ogf.org/occi/infrastructure/compute/action#stop http://schemas.ogf.org/occi/infrastructure/compute/action#restart http://schemas.ogf.org/occi/infrastructure/compute/action#suspend"',
  ])
  for (const line of [
    'stop; scheme="http://schemas.ogf.org/occi/infrastructure/compute/action#"; class="action"; title="Stop"; attributes="method"',
    'user_data; scheme="http://schemas.openstack.org/compute/instance#"; class="mixin"; title="User data"; location="/openstack_user_data/"; attributes="org.openstack.compute.user_data"',
    'qemu-debian; scheme="http://bellhop.example/occi/infrastructure/os_tpl#"; class="mixin"; title="Debian 12 amd64"; rel="http://schemas.ogf.org/occi/infrastructure#os_tpl"; location="/os_tpl/qemu-debian/"',
    'qemu-small; scheme="http://bellhop.example/occi/infrastructure/resource_tpl#"; class="mixin"; title="qemu-small"; rel="http://schemas.ogf.org/occi/infrastructure#resource_tpl"; location="/resource_tpl/qemu-small/"; attributes="occi.compute.cores occi.compute.memory"',
  ])
    assert.ok(lines.includes(line), `${line}\nis not in\n${lines.join('\n')}`)
})

test('is made of what the most particular clients can read', () => {
  const ids = new Set(catalogue.definitions.map(typeId))
  for (const { term, scheme, title, rel, location, attributes } of discover(catalogue, [])) {
    assert.match(term, /^[a-z0-9][a-z0-9_-]*$/)
    assert.match(scheme, /^http:\/\/[a-z0-9./_-]+#$/)
    assert.doesNotMatch(title ?? '', /^$|["\\,;]/)
    assert.ok(rel === undefined || ids.has(rel), `${rel} is listed`)
    assert.match(location ?? '/', /^\/([a-z0-9_-]+\/)*$/)
    for (const { name } of attributes ?? []) assert.match(name, /^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)*$/)
  }
})

test('has each name and each place once', () => {
  const spellings = Object.values(ATTRIBUTES).flatMap((attribute) => [
    attribute.name,
    ...('alsoRead' in attribute ? attribute.alsoRead : []),
  ])
  assert.equal(new Set(spellings).size, spellings.length)
  const ids = DEFINITIONS.flatMap(({ term, scheme, alsoSchemes = [] }) =>
    [scheme, ...alsoSchemes].map((each) => typeId({ scheme: each, term })),
  )
  assert.equal(new Set(ids).size, ids.length)
  const places = catalogue.definitions.map(({ location }) => location).filter((location) => location !== undefined)
  assert.equal(new Set(places).size, places.length)
})

test('filtered by a kind shows that kind alone, by a mixin also what depends on it, by the unknown nothing', () => {
  const terms = (term: string, scheme: string) => discover(catalogue, [{ term, scheme }]).map((one) => one.term)
  assert.deepEqual(terms('compute', 'http://schemas.ogf.org/occi/infrastructure#'), ['compute'])
  assert.deepEqual(terms('resource', 'http://schemas.ogf.org/occi/core#'), ['resource'])
  assert.deepEqual(terms('os_tpl', 'http://schemas.ogf.org/occi/infrastructure#'), ['os_tpl', 'qemu-debian'])
  assert.deepEqual(terms('user_data', 'http://schemas.openstack.org/compute/instance#'), ['user_data'])
  assert.deepEqual(terms('user_data', 'http://nowhere.example/#'), [])
})
