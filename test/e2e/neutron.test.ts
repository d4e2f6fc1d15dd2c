import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHmac, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { creation, startGateway } from './gateway.ts'

const SECRET = 'peersecret'
/** The memory provider tells of no project of its own: the caller's stands. */
const PROJECT = 'local/default'

describe('bellhop serve in the place of a metadata service', () => {
  it('answers who is signed for as the cloud calls it, and shows what was fetched', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'bellhop-neutron-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    await writeFile(join(folder, 'secret'), `${SECRET}\n`)
    await writeFile(join(folder, 'default.tgz'), 'scripts of the site')
    const gateway = await startGateway(t, {
      config: `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
siteContextsDir = "${folder}"
[[metadata.neutron]]
providers = ["cloud"]
listen = "127.0.0.1:0"
sharedSecretFile = "${join(folder, 'secret')}"
[providers.cloud]
driver = "memory"
`,
    })
    const { neutronUrls } = JSON.parse(gateway.log.find((line) => line.includes('"listening"')) ?? '') as {
      neutronUrls: readonly [string]
    }
    const bytes = randomBytes(1000)
    const made = await gateway.ask('/compute/', creation(bytes))
    assert.equal(made.status, 201, await made.text())
    const id = made.headers.get('location')?.split('/').at(-1)
    const about = async (part = '') => await (await gateway.ask(`/api/v1/instances/${id}${part}`)).json()
    const { remoteId } = (await about()) as { remoteId: string }

    const ask = (serverId: string, path = '/latest/user-data'): Promise<Response> =>
      fetch(`${neutronUrls[0]}${path}`, {
        headers: {
          'X-Instance-ID': serverId,
          'X-Instance-ID-Signature': createHmac('sha256', SECRET).update(serverId).digest('hex'),
          'X-Tenant-ID': PROJECT,
        },
      })
    const answer = await ask(remoteId)
    assert.equal(answer.status, 200)
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes)
    assert.equal((await ask('another')).status, 404)
    assert.equal(await (await ask(remoteId, '/context/default.tgz')).text(), 'scripts of the site')
    assert.equal((await ask('another', '/context/default.tgz')).status, 404)

    const fetched = async () => {
      const { events } = (await about('/events')) as { events: readonly { kind: string; path?: string }[] }
      return events.filter(({ kind }) => kind === 'fetched').map(({ path }) => path)
    }
    // Events are written a moment after.
    while ((await fetched()).length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(await fetched(), ['/latest/user-data'])
  })

  it('does not start without the secret, and says which key is to be mended', async (t) => {
    const started = startGateway(t, {
      config: `
[server]
listen = "127.0.0.1:0"
[metadata]
listen = "127.0.0.1:0"
[[metadata.neutron]]
providers = ["cloud"]
listen = "127.0.0.1:0"
sharedSecretFile = "/nosuch"
[providers.cloud]
driver = "memory"
`,
    })
    await assert.rejects(started, /metadata\.neutron\.sharedSecretFile: cannot read \/nosuch/)
  })
})
