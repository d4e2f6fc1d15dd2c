import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { parseContextSh } from '../../src/formats/context-sh.ts'
import { isObject } from '../../src/formats/json.ts'
import { jsonReply } from '../../src/providers/openstack/testdata/session.ts'
import { withReplayedCloud } from '../../src/providers/openstack/testdata/replay.ts'
import { PROXY_PASSWORD, startOneProxy } from '../opennebula/one-proxy.ts'
import { startOpenNebula } from '../opennebula/opennebula.ts'
import { startSynnefo } from '../synnefo/synnefo.ts'
import { eventually } from './eventually.ts'
import { startGatewayTo, type Gateway } from './gateway.ts'
import { assertWraps, createWrapped, type ShownWrapped } from './wrapped-instances.ts'

const REPORT_URL = 'http://192.0.2.1:8788'
const SCRIPT = Buffer.from('#!/bin/sh\necho Grüße\n')
const OTHER = Buffer.from('#cloud-config\nruncmd: [ls]\n')

interface Site {
  readonly gateway: Gateway
  readonly image: string
  readonly size: string
  /** Its user data as an instance's cloud was given them last; `undefined` before. */
  readonly carried: (shown: ShownWrapped) => Promise<Uint8Array | undefined> | Uint8Array | undefined
  /** How other data come to an instance; absent: they do not. */
  readonly update?: string
  /** It takes so many bytes, whatever they are; absent: it counts them packed. */
  readonly maxBytes?: number
}

const SITES: Readonly<Record<string, (t: TestContext) => Promise<Site>>> = {
  OpenNebula: async (t) => {
    const one = await startOpenNebula(t)
    one.addUser({ name: 'bellhop', password: 'wonderland' })
    one.addTemplate({ name: 'debian', mode: '644', template: 'CPU="1" MEMORY="64" CONTEXT=[ NETWORK="YES" ]' })
    const gateway = await startGatewayTo(
      t,
      'bellhop:wonderland',
      (authFile) =>
        `[providers.site]\ndriver = "opennebula"\nendpoint = "${one.url}"\nauthFile = "${authFile}"\nuserDataMaxBytes = 20000\n`,
      REPORT_URL,
    )
    return {
      gateway,
      image: 'site-debian',
      size: 'site-template-debian',
      carried: ({ remoteId }) => {
        const context = one.contextOf(Number(remoteId))
        const value = context === undefined ? undefined : parseContextSh(context).get('USER_DATA')
        return value === undefined ? undefined : Buffer.from(value, 'base64')
      },
      update: '',
      maxBytes: 20_000,
    }
  },

  StratusLab: async (t) => {
    const one = await startOpenNebula(t, { version: '3.2' })
    one.addUser({ name: 'jane', password: PROXY_PASSWORD })
    one.addNetwork({ name: 'public', mode: '644', range: { first: '192.0.2.10', size: 50 } })
    const proxy = await startOneProxy(t, one, { users: { jane: 'wonderland' } })
    const image = 'BN1EEkPiBx87_uLj2-sdybSI-Xb'
    const gateway = await startGatewayTo(
      t,
      'wonderland',
      (file) =>
        `[providers.lab]\ndriver = "stratuslab"\nendpoint = "${proxy.url}"\nusername = "jane"\npasswordFile = "${file}"\nimages = [{ id = "${image}" }]\n`,
      REPORT_URL,
    )
    const [size] = await sizesOf(gateway)
    return {
      gateway,
      image,
      size: size ?? assert.fail('there is a size'),
      carried: ({ remoteId }) => {
        const context = one.contextOf(Number(remoteId))
        const value = context === undefined ? undefined : parseContextSh(context).get('CLOUD_INIT_USER_DATA')
        return value === undefined ? undefined : gunzipSync(Buffer.from(value, 'base64'))
      },
    }
  },

  Synnefo: async (t) => {
    const site = await startSynnefo(t)
    site.addImage({ id: 'd0a1', name: 'debian' })
    site.addFlavor({ id: 42, name: 'small' })
    const gateway = await startGatewayTo(
      t,
      `[cloud "here"]\nurl = ${site.authUrl}\ntoken = ${site.token}`,
      (file) => `[providers.site]\ndriver = "synnefo"\nkamakirc = "${file}"\n`,
      REPORT_URL,
    )
    return {
      gateway,
      image: 'site-debian',
      size: 'site-small',
      carried: ({ remoteId }) =>
        site.customized(Number(remoteId))?.files.get('/var/lib/cloud/seed/nocloud-net/user-data')?.bytes,
      maxBytes: 7680,
    }
  },

  'OpenStack, as it was recorded': openRecordedOpenStack,
}

const SERVER = 'f1b09edf-b441-40d6-b24c-ec1e9206ea13'
const IMAGE = '1d10116a-3d65-4883-8cd4-59bf98c435c6'

/** A Nova with one server at most, which runs at once. */
async function openRecordedOpenStack(t: TestContext): Promise<Site> {
  const { promise: over, resolve: end } = Promise.withResolvers<void>()
  return await new Promise((resolve, reject) => {
    const replaying = withReplayedCloud(async (cloud) => {
      let server: Readonly<Record<string, unknown>> | undefined
      let given: unknown
      cloud.answer = ({ method, path, body }) => {
        const asked = isObject(body) ? body : {}
        switch (`${method} ${path}`) {
          case 'GET /v2.1/servers/detail':
            return jsonReply({ servers: server ? [server] : [] })
          case 'POST /v2.1/servers': {
            const wanted = isObject(asked['server']) ? asked['server'] : {}
            given = wanted['user_data']
            server = { id: SERVER, name: 'web', status: 'ACTIVE', tags: wanted['tags'], addresses: {} }
            return jsonReply({ server: { id: SERVER } }, 202)
          }
          case `GET /v2.1/servers/${SERVER}`:
            return jsonReply({ server: server ?? {} })
          case `POST /v2.1/servers/${SERVER}/action`:
            if (!isObject(asked['rebuild'])) return jsonReply({ output: '' })
            given = asked['rebuild']['user_data']
            return jsonReply({ server: { id: SERVER } }, 202)
          case 'GET /v2.1':
            return cloud.recorded('nova-version')
          case 'GET /v2/images':
            return jsonReply({ images: [{ id: IMAGE, name: 'debian', status: 'active', min_disk: 0, min_ram: 0 }] })
          case 'GET /v2.1/flavors/detail':
            return cloud.recorded('nova-flavors')
          case 'GET /v2.0/networks':
            return jsonReply({ networks: [] })
          case 'GET /v2.0/floatingips':
            return jsonReply({ floatingips: [] })
          case 'GET /v2.0/ports':
            return jsonReply({ ports: [] })
          default:
            return undefined
        }
      }
      resolve({
        gateway: await startGatewayToRecorded(t, cloud.url),
        image: IMAGE,
        size: '1',
        carried: () => (typeof given === 'string' ? Buffer.from(given, 'base64') : undefined),
        update: '?rebuild=true',
        maxBytes: 49_149,
      })
      await over
    })
    replaying.catch(reject)
    t.after(async () => {
      end()
      await replaying
    })
  })
}

async function startGatewayToRecorded(t: TestContext, url: string): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-clouds-'))
  t.after(() => rm(folder, { recursive: true }))
  const path = join(folder, 'clouds.yaml')
  const auth = {
    auth_url: `${url}/v3`,
    username: 'demo',
    password: 'peer',
    user_domain_name: 'Default',
    project_name: 'demo',
    project_domain_name: 'Default',
  }
  await writeFile(path, JSON.stringify({ clouds: { recorded: { auth } } }))
  process.env['OS_CLIENT_CONFIG_FILE'] = path
  t.after(() => delete process.env['OS_CLIENT_CONFIG_FILE'])
  const site = '[providers.site]\ndriver = "openstack"\ncloud = "recorded"\n'
  return await startGatewayTo(t, '', () => site, REPORT_URL)
}

async function sizesOf({ ask }: Gateway): Promise<readonly string[]> {
  const { sizes } = (await (await ask('/api/v1/sizes')).json()) as { sizes: readonly { name: string }[] }
  return sizes.map(({ name }) => name)
}

async function shown({ ask }: Gateway, id: string): Promise<ShownWrapped> {
  return (await (await ask(`/api/v1/instances/${id}`)).json()) as ShownWrapped
}

for (const [name, open] of Object.entries(SITES))
  describe(`user data that are wrapped, at a ${name},`, () => {
    it('are there as the plan shows them, and so are those that come in their place', async (t) => {
      const site = await open(t)
      const { gateway, carried, update } = site
      const made = await createWrapped(gateway, { ...site, userData: SCRIPT })
      assert.equal(made.status, 201, await made.clone().text())
      const { id } = (await made.json()) as ShownWrapped
      const running = await eventually('it runs', async () => {
        const now = await shown(gateway, id)
        return now.state === 'active' ? now : undefined
      })
      assertWraps(await eventually('it has data', () => carried(running)), running, SCRIPT)
      if (update === undefined) return
      const target = `/api/v1/instances/${id}/user-data${update}`
      const changed = await gateway.ask(target, { method: 'PUT', body: OTHER })
      assert.equal(changed.status, 200, await changed.clone().text())
      const now = await shown(gateway, id)
      assert.equal(now.revision, 2)
      assertWraps(await eventually('it has data', () => carried(now)), now, OTHER)
    })

    it('are refused where they alone would fit, with both sizes', async (t) => {
      const site = await open(t)
      const { gateway, maxBytes } = site
      if (maxBytes === undefined) return t.skip('what it takes is what it packs: see the provider’s own tests')
      const userData = Buffer.from(`#!/bin/sh\n#${'x'.repeat(maxBytes - 12)}\n`)
      const refused = await createWrapped(gateway, { ...site, userData })
      assert.equal(refused.status, 413)
      const said = await refused.text()
      // Where the image decides what it takes, its driver knows, to which the message is all there is.
      const sizes = [
        `userData is ${maxBytes} bytes, and \\d+ bytes wrapped`,
        `that is wrapped: alone they are ${maxBytes} bytes`,
      ]
      assert.match(said, new RegExp(sizes.join('|')))
      assert.match(said, new RegExp(`takes ${maxBytes}\\b`))
      const list = (await (await gateway.ask('/api/v1/instances')).json()) as { instances: unknown[] }
      assert.deepEqual(list.instances, [])
    })
  })
