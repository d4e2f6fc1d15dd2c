import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ask, reach, tell } from './asking.ts'
import { startOpenNebula, type OpenNebula, type OpenNebulaOptions } from './opennebula.ts'

const PUBLIC = { name: 'public', mode: '604', range: { first: '192.0.2.10', size: 3 } } as const
const FOREVER = { pendingMs: Infinity } as const

async function withTemplate(t: TestContext, options?: OpenNebulaOptions): Promise<OpenNebula> {
  const one = await startOpenNebula(t, options)
  one.addUser({ name: 'alice', password: 'w' })
  one.addNetwork(PUBLIC)
  one.addTemplate({
    name: 'small',
    mode: '604',
    template: 'CPU=1 MEMORY=64 NIC=[ NETWORK_ID="0" ] CONTEXT=[ NETWORK="YES", A="1" ]',
  })
  return one
}

async function codeOf(one: OpenNebula, action: string, id: number): Promise<string | undefined> {
  return (await ask(one, one.session, 'one.vm.action', action, id)).elements[2]
}

test('actions lead from state to state, and are refused elsewhere', async (t) => {
  const one = await withTemplate(t)
  await tell(one, 'one.template.instantiate', 0, 'x')
  await reach(one, 0, 3, 3)
  assert.equal(await codeOf(one, 'resume', 0), '2048')
  assert.equal(await codeOf(one, 'delete', 0), '2048')
  for (const [action, state, lcmState] of [
    ['poweroff', 8, 0],
    ['resume', 3, 3],
    ['suspend', 5, 0],
    ['stop', 4, 0],
    ['resume', 3, 3],
    ['undeploy', 9, 0],
    ['resume', 3, 3],
    ['reboot', 3, 3],
    ['terminate-hard', 6, 0],
    ['terminate-hard', 6, 0],
  ] as const) {
    assert.equal(await codeOf(one, action, 0), '0', action)
    await reach(one, 0, state, lcmState)
  }
  assert.match(await tell(one, 'one.vm.info', 0), /<STATE>6<\/STATE>/)
})

test('what is on its way cannot be ended', async (t) => {
  const one = await withTemplate(t, { delays: { prologMs: Infinity } })
  await tell(one, 'one.template.instantiate', 0, 'x')
  await reach(one, 0, 3, 1)
  const { elements } = await ask(one, one.session, 'one.vm.action', 'terminate-hard', 0)
  assert.match(elements[1] ?? '', /Could not terminate VM 0, wrong state PROLOG$/)
  one.setVmState(0, 3, 36)
  assert.equal(await codeOf(one, 'terminate-hard', 0), '0')
  await reach(one, 0, 6)
})

test('addresses are leased from the first moment to the last, and given again', async (t) => {
  const one = await withTemplate(t, { delays: FOREVER })
  const leases = async (session: string): Promise<readonly (string | undefined)[]> => {
    const { elements } = await ask(one, session, 'one.vn.info', 0)
    return [...(elements[1] ?? '').matchAll(/<LEASE><IP><!\[CDATA\[(.*?)\]\]>/g)].map(([, ip]) => ip)
  }
  for (const name of ['a', 'b']) await tell(one, 'one.template.instantiate', 0, name)
  assert.deepEqual(await leases(one.session), ['192.0.2.10', '192.0.2.11'])
  assert.deepEqual(await leases('alice:w'), [])
  await tell(one, 'one.vm.action', 'terminate', 0)
  await tell(one, 'one.template.instantiate', 0, 'c')
  assert.match(await tell(one, 'one.vm.info', 2), /<IP><!\[CDATA\[192\.0\.2\.10\]\]>/)
  one.setNetworkState(0, 3)
  assert.equal((await ask(one, one.session, 'one.template.instantiate', 0, 'd')).elements[2], '16384')
})

test('a context that is changed while the VM runs is not written before the moment of HOTPLUG is over', async (t) => {
  const one = await withTemplate(t, { delays: { hotplugMs: Infinity } })
  await tell(one, 'one.template.instantiate', 0, 'x')
  await reach(one, 0, 3, 3)
  const before = one.contextOf(0)
  await tell(one, 'one.vm.updateconf', 0, 'CONTEXT=[ A="2" ]', 1)
  assert.equal(one.vms()[0]?.lcmState, 17)
  assert.equal(one.contextOf(0), before)
})

test('a changed context is merged or replaced, and may refer to what was added to the VM', async (t) => {
  const one = await withTemplate(t)
  await tell(one, 'one.template.instantiate', 0, 'x')
  await reach(one, 0, 3, 3)
  const before = one.contextOf(0)
  await tell(one, 'one.vm.update', 0, '<T><MOTD>pay $5 ${now}</MOTD></T>', 1)
  await tell(one, 'one.vm.updateconf', 0, '<T><CONTEXT><A>$MOTD</A></CONTEXT></T>', 1)
  await reach(one, 0, 3, 3)
  assert.equal(one.contextOf(0), before?.replace("A='1'", "A='pay $$5 ${now}'"))
  await tell(one, 'one.vm.updateconf', 0, '<T><CONTEXT><B>2</B></CONTEXT></T>')
  await reach(one, 0, 3, 3)
  assert.equal(one.contextOf(0)?.split('\n').slice(1).join(), "B='2',DISK_ID='0',TARGET='hda',")
})

test('a context cannot be changed where the state forbids it', async (t) => {
  const one = await withTemplate(t, { delays: FOREVER })
  await tell(one, 'one.template.instantiate', 0, 'x')
  await tell(one, 'one.vm.updateconf', 0, 'CONTEXT=[ A="2" ]', 1)
  for (const state of [4, 5, 6]) {
    one.setVmState(0, state)
    assert.equal((await ask(one, one.session, 'one.vm.updateconf', 0, 'CONTEXT=[ A="2" ]', 1)).elements[2], '8192')
  }
})

test('pools are filtered by state, owner and right', async (t) => {
  const one = await withTemplate(t, { delays: FOREVER })
  for (const session of [one.session, 'alice:w', one.session])
    await ask(one, session, 'one.template.instantiate', 0, session === one.session ? 'a' : 'b')
  await tell(one, 'one.vm.action', 'terminate', 0)
  const ids = async (session: string, ...asked: readonly number[]): Promise<readonly (string | undefined)[]> =>
    [...((await ask(one, session, 'one.vmpool.info', ...asked)).elements[1] ?? '').matchAll(/<VM><ID>(\d+)/g)].map(
      ([, id]) => id,
    )
  assert.deepEqual(await ids(one.session, -2, -1, -1, -1), ['2', '1'])
  assert.deepEqual(await ids(one.session, -3, -1, -1, -2), ['2', '0'])
  assert.deepEqual(await ids(one.session, -2, -1, -1, 6), ['0'])
  assert.deepEqual(await ids(one.session, 2, -1, -1, -2), ['1'])
  assert.deepEqual(await ids(one.session, -2, 0, 1, -2), ['1', '0'])
  assert.deepEqual(await ids(one.session, -2, 1, -2, -2), ['1', '0'])
  assert.deepEqual(await ids('alice:w', -2, -1, -1, -2), ['1'])
  assert.equal((await ask(one, one.session, 'one.vmpool.info', -5, -1, -1, -1)).elements[2], '4096')
  assert.equal(await tell(one, 'one.vmpool.infoset', '', false), '<VM_POOL></VM_POOL>')
})

test('one VM that cannot be written spoils full pools, not short ones', async (t) => {
  const one = await startOpenNebula(t, { delays: FOREVER })
  await tell(one, 'one.vm.allocate', '<T><CONTEXT><A>&#128512;</A></CONTEXT></T>', false)
  assert.equal((await ask(one, one.session, 'one.vm.info', 0)).faultCode, -500)
  assert.equal((await ask(one, one.session, 'one.vmpool.infoextended', -2, -1, -1, -1)).faultCode, -500)
  await tell(one, 'one.vmpool.info', -2, -1, -1, -1)
  await tell(one, 'one.vm.action', 'terminate', 0)
})

test('who may make nothing of a template gives no extra attributes', async (t) => {
  const one = await withTemplate(t)
  one.addUser({ name: 'bob', password: 'w', creates: ['VM'] })
  assert.equal((await ask(one, 'bob:w', 'one.template.instantiate', 0, 'x', false, 'A="1"')).elements[2], '512')
  assert.equal((await ask(one, 'bob:w', 'one.template.instantiate', 0, 'x', false, '')).elements[0], '1')
})

test('a card is plugged into what runs or is switched off, marked until it is done, and goes by its number', async (t) => {
  const one = await withTemplate(t, { delays: { hotplugMs: Infinity } })
  await tell(one, 'one.template.instantiate', 0, 'x')
  const refused = async (method: string, ...sent: readonly (string | number)[]) =>
    (await ask(one, one.session, method, 0, ...sent)).elements.slice(1, 3)
  await reach(one, 0, 3, 3)
  await tell(one, 'one.vm.attachnic', 0, 'NIC=[ NETWORK_ID="0", MINE="1" ]')
  assert.equal(one.vms()[0]?.lcmState, 25)
  const info = await tell(one, 'one.vm.info', 0)
  assert.match(info, /<NIC><AR_ID>.*<ATTACH><!\[CDATA\[YES\]\]><\/ATTACH>.*<MINE>.*<NIC_ID><!\[CDATA\[1\]\]>/)
  assert.deepEqual(await refused('one.vm.attachnic', 'NIC=[ NETWORK_ID="0" ]'), [
    '[one.vm.attachnic] Could not add a new NIC to VM 0, wrong state HOTPLUG_NIC.',
    '2048',
  ])
  one.setVmState(0, 8)
  await tell(one, 'one.vm.detachnic', 0, 1)
  assert.deepEqual(await refused('one.vm.detachnic', 1), [
    '[one.vm.detachnic] Could not detach NIC with NIC_ID 1, it does not exist.',
    '2048',
  ])
  assert.doesNotMatch(await tell(one, 'one.vn.info', 0), /192\.0\.2\.11\]/)
})
