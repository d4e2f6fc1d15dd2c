import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { call } from '../../test/conformance/provider-calls.ts'
import { reach, tell } from '../../test/opennebula/asking.ts'
import { PROXY_PASSWORD, startOneProxy } from '../../test/opennebula/one-proxy.ts'
import { startOpenNebula, type OpenNebula } from '../../test/opennebula/opennebula.ts'
import { recordedCall } from '../providers/opennebula/testdata/replay.ts'
import type { CreateRequest, Provider } from '../providers/provider.ts'
import { stratusLabProvider } from '../providers/stratuslab/index.ts'
import { readStratusLab } from '../providers/stratuslab/settings.ts'
import { createHttpClient } from '../wire/http.ts'
import { openRecords, type FrontEndSettings } from './front-ends.ts'
import { RANGE, serving, type Serving } from './testdata/guests.ts'

const IMAGE = 'BN1EEkPiBx87_uLj2-sdybSI-Xb'
const ENCODED = /CLOUD_INIT_USER_DATA = "([^"]+)"/

const around = {
  env: {},
  home: '/home',
  readFile: (path: string) =>
    path === '/password'
      ? Promise.resolve('opennebula\n')
      : Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' })),
}

interface Lab {
  readonly one: OpenNebula
  readonly url: string
  readonly ask: Serving['ask']
}

/** A front end behind its proxy with two networks that have the same addresses, and its guests' server. */
async function lab(t: TestContext): Promise<Lab> {
  const one = await startOpenNebula(t, { version: '3.2' })
  one.addUser({ name: 'jane', password: PROXY_PASSWORD })
  for (const name of ['public', 'local']) one.addNetwork({ name, mode: '644', range: RANGE })
  const { url } = await startOneProxy(t, one, { users: { oneadmin: 'opennebula', jane: 'opennebula' } })
  const settings: FrontEndSettings = {
    name: 'lab',
    driver: 'stratuslab',
    endpoint: url,
    username: 'oneadmin',
    passwordFile: '/password',
  }
  const { records, close } = await openRecords(settings, around, () => {})
  t.after(close)
  const { ask } = await serving(t, { frontEnds: [{ name: 'lab', records, networks: ['0', '1'] }] })
  return { one, url, ask }
}

/** As StratusLab's own client writes it: its recorded template, with a Marketplace's disk and cards. */
async function asItsClient(one: OpenNebula, more: string, change = (template: string) => template): Promise<string> {
  const { parameters } = await recordedCall('allocate-stratuslab-context')
  const template = String(parameters[1])
  assert.match(template, ENCODED)
  const disk = `DISK = [ type = "fs", source = "https://marketplace.stratuslab.eu/metadata/${IMAGE}", target = "hda" ]`
  const id = await tell(one, 'one.vm.allocate', `${change(template.replace(/^DISK.*$/m, disk))}\n${more}`)
  await reach(one, Number(id), 3, 3)
  return Buffer.from(gunzipSync(Buffer.from(ENCODED.exec(template)?.[1] ?? '', 'base64'))).toString()
}

describe('guests of a StratusLab', () => {
  it('that its own client made for cloud-init hear what the user gave, unpacked', async (t) => {
    const { one, ask } = await lab(t)
    const uuid = '4F8C2B9E-0a51-4a57-9f0e-2f1b7f0c6a11'
    const userData = await asItsClient(one, `UUID = "${uuid}"\nNIC = [ network_uname=oneadmin, network="public" ]`)
    assert.match(userData, /^[\x20-\x7e]/)
    assert.equal(await ask(0, '127.1.0.10'), userData)
    assert.equal(await ask(0, '127.1.0.10', '/openstack/latest/user_data'), userData)
    assert.equal(await ask(0, '127.1.0.10', '/latest/meta-data/public-keys/'), '0=key-0')
    const key = await ask(0, '127.1.0.10', '/latest/meta-data/public-keys/0/openssh-key')
    assert.equal(key.trim(), 'ssh-rsa AAAAB3 jane@example.org')
    assert.equal(await ask(0, '127.1.0.10', '/latest/meta-data/ami-id'), `ami-${IMAGE}`)
    const metadata = JSON.parse(await ask(0, '127.1.0.10', '/openstack/latest/meta_data.json')) as Record<
      string,
      unknown
    >
    assert.equal(metadata['uuid'], uuid.toLowerCase())
    assert.deepEqual(metadata['meta'] ?? {}, {})
  })

  it('are known by each of their cards, and told to ask for their addresses', async (t) => {
    const { one, ask } = await lab(t)
    const userData = await asItsClient(one, 'NIC = [ network="public" ]\nNIC = [ network="local" ]')
    for (const listener of [0, 1]) {
      assert.equal(await ask(listener, '127.1.0.10'), userData)
      const { links, networks } = JSON.parse(
        await ask(listener, '127.1.0.10', '/openstack/latest/network_data.json'),
      ) as { readonly links: readonly { readonly vif_id: string }[]; readonly networks: readonly { type: string }[] }
      assert.equal(new Set(links.map(({ vif_id }) => vif_id)).size, 2)
      assert.deepEqual(
        networks.map(({ type }) => type),
        ['ipv4_dhcp', 'ipv4_dhcp'],
      )
    }
  })

  it('made for HEPiX hear their EC2_USER_DATA, and nothing that is meant for the other disk', async (t) => {
    const { one, ask } = await lab(t)
    await asItsClient(one, 'NIC = [ network="public" ]', (template) =>
      template.replace('CONTEXT_METHOD = "cloud-init"', 'EC2_USER_DATA = "W2FtaWNvbmZpZ10K"'),
    )
    assert.equal(await ask(0, '127.1.0.10'), '[amiconfig]\n')
  })

  it('that our own driver made hear the same bytes, by either method', async (t) => {
    const { one, url, ask } = await lab(t)
    const wanted = { endpoint: url, username: 'jane', passwordFile: '/password' }
    const made = async (userData: Uint8Array): Promise<number> => {
      const provider = stratusLabProvider({
        name: 'lab',
        settings: await readStratusLab(wanted, around),
        http: createHttpClient(),
        images: [{ id: IMAGE }],
      })
      t.after(() => provider.close?.())
      const { remoteId } = await provider.create(await requestFor(provider, userData), call())
      await reach(one, Number(remoteId), 3, 3)
      return Number(remoteId)
    }
    const given = [
      Buffer.from('#!/bin/sh\necho `id` "$HOME" \\ \'ž\' 😀\r\n'),
      Buffer.from('#cloud-config\n{}\n'),
      Buffer.from([0, 255, 31, 139, 8, 10]),
      Buffer.from('[amiconfig]\nplugins = cernvm\n'),
    ]
    for (const [at, userData] of given.entries()) {
      await made(userData)
      const base64 = await ask(0, `127.1.0.${10 + at}`, '/cimi/latest/user-data')
      assert.equal(base64, userData.toString('base64'))
    }
    const methods = one.vms().map(({ id }) => one.contextOf(id)?.includes('CONTEXT_METHOD="cloud-init"'))
    assert.deepEqual(new Set(methods), new Set([true, false]))
  })
})

async function requestFor(provider: Provider, userData: Uint8Array): Promise<CreateRequest> {
  const [[image], [size]] = [await provider.images(call()), await provider.sizes(call())]
  if (!image || !size) assert.fail('there is an image and a size')
  return {
    id: randomUUID(),
    image,
    size,
    spec: { name: 'web', userData, publicKeys: [], variables: {}, files: [], labels: {} },
    plan: { provider: 'lab', deliveries: [], warnings: [] },
    offers: [],
  }
}
