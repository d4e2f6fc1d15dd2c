import assert from 'node:assert/strict'
import { test } from 'node:test'
import { catalogueOf, discover } from './catalogue.ts'
import { ATTRIBUTES, type Attribute } from './attributes.ts'
import { DEFINITIONS } from './categories.ts'
import { renderCategory } from './grammar.ts'
import { typeId } from './representation.ts'

const catalogue = catalogueOf({
  images: [{ name: 'qemu-debian', provider: 'qemu', remoteId: '1', title: 'Debian; "12", amd64' }],
  sizes: [{ name: 'qemu-small', provider: 'qemu', remoteId: '1', title: '', cores: 1, memoryMiB: 512 }],
  providers: ['qemu'],
})
const lines = discover(catalogue, []).map(renderCategory)

test('lists exactly as clients match it', () => {
  assert.deepEqual(lines.slice(0, 8), [
    'entity; scheme="http://schemas.ogf.org/occi/core#"; class="kind"; title="Entity"; location="/entity/"; attributes="occi.core.id{immutable} occi.core.title"',
    'resource; scheme="http://schemas.ogf.org/occi/core#"; class="kind"; title="Resource"; rel="http://schemas.ogf.org/occi/core#entity"; location="/resource/"; attributes="occi.core.summary"',
    'link; scheme="http://schemas.ogf.org/occi/core#"; class="kind"; title="Link"; rel="http://schemas.ogf.org/occi/core#entity"; location="/link/"; attributes="occi.core.source.kind{immutable} occi.core.source occi.core.target.kind{immutable} occi.core.target"',
    'compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Compute"; rel="http://schemas.ogf.org/occi/core#resource"; location="/compute/"; attributes="occi.compute.architecture occi.compute.cores occi.compute.hostname occi.compute.share occi.compute.memory occi.compute.speed occi.compute.state.message{immutable} occi.compute.state{immutable}"; actions="http://schemas.ogf.org/occi/infrastructure/compute/action#start http://schemas.ogf.org/occi/infrastructure/compute/action#stop http://schemas.ogf.org/occi/infrastructure/compute/action#restart http://schemas.ogf.org/occi/infrastructure/compute/action#suspend http://schemas.ogf.org/occi/infrastructure/compute/action#save"',
    'network; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Network"; rel="http://schemas.ogf.org/occi/core#resource"; location="/network/"; attributes="occi.network.vlan occi.network.label occi.network.state.message{immutable} occi.network.state{immutable}"; actions="http://schemas.ogf.org/occi/infrastructure/network/action#up http://schemas.ogf.org/occi/infrastructure/network/action#down"',
    'storage; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Storage"; rel="http://schemas.ogf.org/occi/core#resource"; location="/storage/"; attributes="occi.storage.size{required} occi.storage.state.message{immutable} occi.storage.state{immutable}"; actions="http://schemas.ogf.org/occi/infrastructure/storage/action#online http://schemas.ogf.org/occi/infrastructure/storage/action#offline http://schemas.ogf.org/occi/infrastructure/storage/action#backup http://schemas.ogf.org/occi/infrastructure/storage/action#snapshot http://schemas.ogf.org/occi/infrastructure/storage/action#resize"',
    'networkinterface; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Network interface"; rel="http://schemas.ogf.org/occi/core#link"; location="/networkinterface/"; attributes="occi.networkinterface.interface{immutable} occi.networkinterface.mac occi.networkinterface.state.message{immutable} occi.networkinterface.state{immutable}"',
    'storagelink; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"; title="Storage link"; rel="http://schemas.ogf.org/occi/core#link"; location="/storagelink/"; attributes="occi.storagelink.deviceid occi.storagelink.mountpoint occi.storagelink.state.message{immutable} occi.storagelink.state{immutable}"',
  ])
  for (const line of [
    'save; scheme="http://schemas.ogf.org/occi/infrastructure/compute/action#"; class="action"; title="Save as image"; attributes="method name"',
    'resize; scheme="http://schemas.ogf.org/occi/infrastructure/storage/action#"; class="action"; title="Resize"; attributes="size{required}"',
    'ipnetwork; scheme="http://schemas.ogf.org/occi/infrastructure/network#"; class="mixin"; title="IP network"; location="/ipnetwork/"; attributes="occi.network.address occi.network.gateway occi.network.allocation"',
    'qemu; scheme="http://bellhop.example/occi/infrastructure/provider#"; class="mixin"; title="qemu"; rel="http://bellhop.example/occi/infrastructure#provider"; location="/provider/qemu/"',
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
  const spellings = Object.values<Attribute>(ATTRIBUTES).flatMap((attribute) => [
    attribute.name,
    ...(attribute.alsoRead ?? []),
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
