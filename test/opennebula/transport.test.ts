import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ask, post, tell } from './asking.ts'
import { startOpenNebula } from './opennebula.ts'

const VERSION_CALL =
  '<methodCall><methodName>one.system.version</methodName><params><param><value>oneadmin:opennebula</value></param></params></methodCall>'

test('heads are as they were recorded', async (t) => {
  const one = await startOpenNebula(t)
  for (const [name, url] of [
    ['system-version', one.url],
    ['fault-unknown-method', one.url],
    ['http-404-wrong-path', one.url.replace('RPC2', 'RPC3')],
  ] as const) {
    const body = await readFile(new URL(`testdata/${name}.req.xml`, import.meta.url))
    const recorded = await readFile(new URL(`testdata/${name}.resp.headers`, import.meta.url), 'utf8')
    const { status, headers } = await post(url, new Uint8Array(body))
    assert.equal(status, Number(/^HTTP\/1.1 (\d+)/.exec(recorded)?.[1]), name)
    for (const [, header = '', value] of recorded.matchAll(
      /^(Content-type|Content-length|Connection|Server): (.*?)\r?$/gm,
    ))
      assert.equal(headers.get(header), value, `${name}: ${header}`)
  }
})

test('GET is answered 405 in HTML', async (t) => {
  const { url } = await startOpenNebula(t)
  const response = await fetch(url)
  assert.equal(response.status, 405)
  assert.match(await response.text(), /^<HTML>/)
})

test('what is no proper call is fault -503', async (t) => {
  const { url } = await startOpenNebula(t)
  const bad = ['', 'no XML', VERSION_CALL.replace('</value>', ''), VERSION_CALL.replace('opennebula', 'x\u0001')]
  for (const body of [
    ...bad,
    VERSION_CALL.replace('opennebula', '&#1;'),
    VERSION_CALL.replace('opennebula', '&#128512;'),
  ])
    assert.equal((await post(url, body)).faultCode, -503, body)
  assert.equal((await post(url, new Uint8Array([0x3c, 0xff]))).faultCode, -503)
})

test('i8, missing and surplus types of parameters are fault -501', async (t) => {
  const one = await startOpenNebula(t)
  assert.equal((await ask(one, one.session, 'one.vm.info', { i8: 0 })).faultCode, -501)
  assert.equal((await ask(one, one.session, 'one.vm.info')).faultCode, -501)
  assert.equal((await ask(one, one.session, 'one.vm.allocate', 'CPU=1', 0)).faultCode, -501)
})

test('every line end in a value becomes LF', async (t) => {
  const one = await startOpenNebula(t, { delays: { pendingMs: Infinity } })
  const text = 'CONTEXT=[ A="1\r\n2\r3&#13;4&#13;\n5" ]'
  const call = VERSION_CALL.replace('one.system.version', 'one.vm.allocate').replace(
    '</params>',
    `<param><value><string>${text}</string></value></param><param><value><boolean>0</boolean></value></param></params>`,
  )
  assert.equal((await post(one.url, call)).elements[0], '1')
  assert.match(await tell(one, 'one.vm.info', 0), /<A><!\[CDATA\[1\n2\n3\n4\n5\]\]><\/A>/)
})

test('int and i4 are the same', async (t) => {
  const one = await startOpenNebula(t)
  const call = VERSION_CALL.replace('one.system.version', 'one.user.info').replace(
    '</params>',
    '<param><value><int>-1</int></value></param></params>',
  )
  assert.equal((await post(one.url, call)).elements[0], '1')
})

test('faults strike the call that was chosen, before or after the work', async (t) => {
  const one = await startOpenNebula(t, { delays: { pendingMs: Infinity } })
  const make = (): Promise<unknown> => ask(one, one.session, 'one.vm.allocate', 'CPU=1', false)
  one.setFaults([{ method: 'one.vm.allocate', from: 2, times: 1, happens: 'drop-before' }])
  await make()
  await assert.rejects(make)
  assert.equal(one.vms().length, 1)
  await make()
  assert.equal(one.vms().length, 2)
  one.setFaults([{ method: 'one.vm.allocate', happens: 'drop-after' }])
  await assert.rejects(make)
  assert.equal(one.vms().length, 3)
  one.setFaults([{ happens: 'half' }])
  await assert.rejects(make)
  assert.equal(one.vms().length, 4)
  one.setFaults([{ happens: '503', delayMs: 1 }])
  assert.equal((await ask(one, one.session, 'one.vm.allocate', 'CPU=1', false)).status, 503)
  assert.equal(one.vms().length, 4)
  assert.equal(one.calls.filter(({ method }) => method === 'one.vm.allocate').length, 6)
})

test('a token is a session until it is revoked', async (t) => {
  const one = await startOpenNebula(t)
  one.addUser({ name: 'alice', password: 'won:derland' })
  const { elements } = await ask(one, 'alice:won:derland', 'one.user.login', 'alice', '', 3600, -1)
  const session = `alice:${elements[1]}`
  assert.match(session, /^alice:[\da-f]{64}$/)
  assert.match((await ask(one, session, 'one.user.info', -1)).elements[1] ?? '', /<LOGIN_TOKEN>/)
  await ask(one, session, 'one.user.login', 'alice', elements[1] ?? '', 0, -1)
  assert.equal((await ask(one, session, 'one.user.info', -1)).elements[2], '256')
  assert.equal((await ask(one, 'alice', 'one.user.info', -1)).elements[2], '256')
  for (let count = 0; count < 10; count += 1) await ask(one, 'alice:won:derland', 'one.user.login', 'alice', '', -1, -1)
  assert.equal((await ask(one, 'alice:won:derland', 'one.user.login', 'alice', '', -1, -1)).elements[2], '4096')
})
