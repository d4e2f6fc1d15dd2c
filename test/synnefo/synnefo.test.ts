import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSynnefo, type SynnefoOptions } from './synnefo.ts'

/** A site, asked without any client of ours. */
async function open(t: TestContext, options?: SynnefoOptions) {
  const site = await startSynnefo(t, options)
  site.addImage({ id: 'plain' })
  site.addImage({ id: 'with-cloud-init', metadata: { CLOUD_INIT: 'on' } })
  site.addFlavor({ id: 42 })
  const base = site.authUrl.replace('/identity/v2.0', '/compute/v2.0')
  const ask = async (method: string, path: string, json?: unknown, headers: Readonly<Record<string, string>> = {}) => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { 'X-Auth-Token': site.token, 'Content-Type': 'application/json', ...headers },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    })
    return { status: answer.status, text: await answer.text() }
  }
  const create = async (more: object = {}) =>
    await ask('POST', '/servers', { server: { name: 'vm1', imageRef: 'plain', flavorRef: 42, ...more } })
  const built = async (more: object) => {
    const { status, text } = await create(more)
    assert.equal(status, 202, text)
    const { id } = (JSON.parse(text) as { readonly server: { readonly id: number } }).server
    const server = site.servers().find((each) => each.id === id) ?? assert.fail()
    while (server.task === 'BUILD') await sleep(1)
    return server
  }
  return { site, ask, create, built }
}

const file = (contents: string, more: object = {}) => ({ path: '/etc/x', contents, ...more })

describe('the simulator of Synnefo', () => {
  it('shows the catalogue to anybody, but no endpoint to a wrong token', async (t) => {
    const { site, ask } = await open(t)
    const bare = await fetch(`${site.authUrl}/tokens`, { method: 'POST' })
    assert.match(await bare.text(), /"cyclades_compute"/)
    const body = JSON.stringify({ auth: { token: { id: 'wrong' } } })
    const wrong = await fetch(`${site.authUrl}/tokens`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
    })
    assert.equal(wrong.status, 401)
    assert.equal((await ask('GET', '/servers/detail', undefined, { 'X-Auth-Token': 'wrong' })).status, 401)
  })

  it('counts files and their base64, which is looked at before it is decoded', async (t) => {
    const { create } = await open(t)
    const answers = []
    for (const personality of [
      Array.from({ length: 6 }, () => file('')),
      [file('A'.repeat(10_241))],
      [file('A'.repeat(10_240))],
      [file('AAA')],
      [file('', { colour: 'red' })],
      [{ path: '/etc/x' }],
    ])
      answers.push(await create({ personality }))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [413, 413, 202, 400, 400, 500],
    )
    assert.match(answers[0]?.text ?? '', /"overLimit".*"Maximum number of personalities exceeded"/)
  })

  it('breaks the build of what passes and should not', async (t) => {
    const { built } = await open(t)
    for (const [personality, why] of [
      [file('', { mode: '0600' }), /number is required/],
      [{ contents: '' }, /KeyError/],
      [file('', { owner: 'nobody-here' }), /does not exist/],
      [file('', { group: '0' }), /does not exist/],
    ] as const) {
      const server = await built({ personality: [personality] })
      assert.equal(server.operState, 'ERROR')
      assert.match(server.diagnostic ?? '', why)
    }
    const tooLong = await built({ imageRef: 'with-cloud-init', user_data: 'A'.repeat(131_048) })
    assert.match(tooLong.diagnostic ?? '', /Argument list too long/)
    const longest = await built({ imageRef: 'with-cloud-init', user_data: 'A'.repeat(131_044) })
    assert.equal(longest.operState, 'STARTED')
  })

  it('makes folders that are missing their owner’s', async (t) => {
    const { built } = await open(t)
    const own = { path: '/srv/a/b', contents: 'eA==', owner: 'debian', group: 'debian' }
    const { customized } = await built({ personality: [own] })
    assert.deepEqual(customized?.files.get('/srv/a/b'), {
      bytes: Buffer.from('x'),
      mode: 0o440,
      uid: 1000,
      gid: 1000,
    })
    assert.deepEqual(
      [...(customized?.folders ?? [])],
      ['/srv/a', '/srv'].map((path) => [path, { mode: 0o750, uid: 1000, gid: 1000 }]),
    )
  })

  it('drops user data in silence where the image, or the version, does not read them', async (t) => {
    const [young, old] = [await open(t), await open(t, { version: '0.19' })]
    const seed = '/var/lib/cloud/seed/nocloud-net/user-data'
    const dropped = await young.built({ user_data: 'eA==' })
    assert.equal(dropped.customized?.files.size, 0)
    const taken = await young.built({ user_data: 'eA==', imageRef: 'with-cloud-init' })
    assert.deepEqual(taken.customized?.files.get(seed)?.bytes, Buffer.from('x'))
    const unknown = await old.built({ user_data: '!', imageRef: 'with-cloud-init' })
    assert.equal(unknown.customized?.files.get(seed)?.bytes.byteLength, 0)
    const wrong = await young.create({ user_data: 'eA==\neA==' })
    assert.deepEqual([wrong.status, /Marformed user_data/.test(wrong.text)], [400, true])
  })

  it('has key pairs from 0.19 on, ten of them, and says so in plain text', async (t) => {
    const { ask, create } = await open(t)
    const keep = async (name: string) =>
      await ask('POST', '/os-keypairs', { keypair: { name, public_key: 'ssh-rsa A' } })
    for (let index = 0; index < 10; index++) assert.equal((await keep(`k${index}`)).status, 201)
    assert.deepEqual(await keep('k10'), { status: 500, text: 'SSH keys limit exceeded' })
    await ask('DELETE', '/os-keypairs/k9')
    assert.equal((await keep('k0')).status, 409)
    assert.equal((await create({ key_name: 'k0', 'SNF:key_names': ['k1'] })).status, 400)
    assert.equal((await create({ key_name: 'k9' })).status, 404)
    const old = await open(t, { version: '0.16' })
    assert.equal((await old.ask('GET', '/os-keypairs')).status, 400)
    assert.equal((await old.create({ key_name: 'nobody looks at it' })).status, 202)
  })

  it('shows what was deleted for ever, but lists it no more, and numbers its servers', async (t) => {
    const { ask, built } = await open(t)
    const server = await built({})
    const { id } = server
    assert.equal((await ask('DELETE', `/servers/${id}`)).status, 204)
    while (!server.isDeleted) await sleep(1)
    assert.match((await ask('GET', `/servers/${id}`)).text, new RegExp(`"id":${id},.*"status":"DELETED"`))
    assert.equal((await ask('GET', '/servers/detail')).text, '{"servers":[]}')
    assert.equal((await ask('POST', `/servers/${id}/action`, { start: {} })).status, 400)
    assert.equal((await ask('GET', '/servers/not-a-number')).status, 400)
  })

  it('wants to be told that a body is JSON', async (t) => {
    const { ask } = await open(t)
    assert.equal((await ask('POST', '/servers', {}, { 'Content-Type': 'text/plain' })).status, 400)
  })
})
