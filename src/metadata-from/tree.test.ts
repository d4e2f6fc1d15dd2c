import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { describe, it, type TestContext } from 'node:test'
import { reach, tell } from '../../test/opennebula/asking.ts'
import { openNebulaApi } from '../providers/opennebula/api.ts'
import { createHttpClient } from '../wire/http.ts'
import { openNebulaRecords } from './opennebula.ts'
import { serving, withNetworks, type Serving } from './testdata/guests.ts'

const KEY = 'ssh-ed25519 AAAAC3Nza jane'

/** A guest with this CONTEXT, at 127.1.0.10. */
async function guestWith(t: TestContext, context: string): Promise<Serving> {
  const one = await withNetworks(t, 1)
  const image = one.addImage({ name: 'debian' })
  const disk = `DISK=[ IMAGE_ID="${image}" ]`
  const template = `NAME="web"\nCPU=1\nMEMORY=64\n${disk}\nNIC=[ NETWORK_ID="0" ]\nCONTEXT=[ NETWORK="YES"${context} ]`
  await reach(one, Number(await tell(one, 'one.vm.allocate', template, false)), 3, 3)
  const http = createHttpClient({ maxTries: 1 })
  t.after(() => http.close())
  const api = openNebulaApi({ url: one.url, session: one.session, http, name: 'one' })
  const records = openNebulaRecords({ api, zone: 'one', log: () => {} })
  return await serving(t, { frontEnds: [{ name: 'one', records, networks: ['0'] }] })
}

/** Every file below a folder, as cloud-init walks: what a listing names is asked for. */
async function walk(
  ask: Serving['ask'],
  folder: string,
  found = new Map<string, string>(),
): Promise<ReadonlyMap<string, string>> {
  const listing = await ask(0, '127.1.0.10', folder)
  for (const line of listing.split('\n').filter((each) => each !== '')) {
    const [, number] = /^(\d+)=/.exec(line) ?? []
    const path = `${folder}${number === undefined ? line : `${number}/`}`
    if (path.endsWith('/')) await walk(ask, path, found)
    else found.set(path, await ask(0, '127.1.0.10', path))
  }
  return found
}

describe('the tree that a guest walks', () => {
  for (const [what, context, keys] of [
    ['with a key that has no name', `, EC2_PUBLIC_KEY="${KEY}", USER_DATA="data"`, true],
    ['without a key', '', false],
  ] as const)
    it(`has everything that it lists, ${what}`, async (t) => {
      const { ask } = await guestWith(t, context)
      const found = await walk(ask, '/latest/meta-data/')
      for (const [path, body] of found) assert.doesNotMatch(body, /^[45]\d\d$/, path)
      const at = (name: string) => found.get(`/latest/meta-data/${name}`)
      assert.match(at('instance-id') ?? '', /^i-[\da-f]{8}$/)
      assert.equal(at('ami-launch-index'), '0')
      assert.equal(at('ami-id'), 'ami-0')
      assert.equal(at('user-data'), undefined)
      assert.equal(at('public-keys/0/openssh-key')?.trim(), keys ? KEY : undefined)
    })

  it('has nothing else, and no user data where there are none', async (t) => {
    const { ask } = await guestWith(t, '')
    for (const path of [
      '/nonsense',
      '/latest/nonsense',
      '/latest/user-data',
      '/latest/meta-data/public-keys/7/openssh-key',
      '/openstack/latest/user_data',
      '/openstack/latest/nonsense',
    ])
      assert.equal(await ask(0, '127.1.0.10', path), '404', path)
    assert.ok((await ask(0, '127.1.0.10', '/')).split('\n').includes('latest'))
    assert.ok((await ask(0, '127.1.0.10', '/openstack')).split('\n').includes('latest'))
    assert.equal(JSON.parse(await ask(0, '127.1.0.10', '/openstack/latest/meta_data.json')).name, 'web')
  })

  it('is text to programs that look at the type', async (t) => {
    const { ports } = await guestWith(t, ', USER_DATA="<html>"')
    const [response] = (await once(
      get({ port: ports[0], localAddress: '127.1.0.10', host: '127.0.0.1', path: '/latest/user-data', agent: false }),
      'response',
    )) as [IncomingMessage]
    assert.match(response.headers['content-type'] ?? '', /^text\/plain/)
    assert.equal(await text(response), '<html>')
  })
})
