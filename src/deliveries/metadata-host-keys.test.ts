import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type RequestOptions } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { SECRET, sampleRecorder, sampleSource, WEB } from '../../test/conformance/metadata-samples.ts'
import { createMetadataServer } from './metadata-http.ts'
import type { Identity } from './metadata-identity.ts'
import { metadataToken, reportToken } from './metadata-token.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILB1XcTa5cL4SDk3PVLo/HHXJGV1nVs3+mKv5bR2wcoH'

/** As cloud-init 22.4.2 posts it. */
const FORM = new URLSearchParams({
  instance_id: WEB.guestId,
  hostname: 'web-1',
  fqdn: 'web-1.example.org',
  pub_key_ed25519: `${KEY} root@web-1\n`,
}).toString()

const REPORTER = `/report/${reportToken(SECRET, WEB.guestId)}`

/** What is recorded of a phone call that comes to a listener, or to the guest's own socket where there is none. */
async function heardBy(t: TestContext, identity: Identity | undefined, path: string) {
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-keys-'))
  const recorder = sampleRecorder()
  const server = createMetadataServer({
    source: sampleSource(WEB),
    recorder,
    secret: SECRET,
    log: (line) => assert.fail(line),
    socketsDir: folder,
  })
  t.after(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })
  const at: RequestOptions = identity
    ? await server.listen({ host: '127.0.0.1', port: 0, identity })
    : await server.offer(WEB.guestId)
  const asking = request({
    ...at,
    path,
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  })
  const [answer] = await once(asking.end(FORM), 'response')
  answer.resume()
  assert.equal(answer.statusCode, 200)
  const [event, ...more] = recorder.events
  assert.deepEqual(more, [])
  return event ?? assert.fail('nothing was recorded')
}

describe('the host keys that a guest tells', () => {
  it('are kept with the word that its boot came to its end, which proves nothing of the data', async (t) => {
    const { at: _, ...event } = await heardBy(t, { by: 'address', find: () => WEB.guestId }, '/report')
    assert.deepEqual(event, {
      instanceId: WEB.guestId,
      revision: 1,
      kind: 'finished',
      source: 'cloud-init',
      evidence: 'report',
      detail: 'cloud-init phoned home',
      hostKeys: [KEY],
    })
  })

  const VERIFIED: Readonly<Record<string, readonly [identity: Identity | undefined, path: string, verified: boolean]>> =
    {
      'by its own socket': [undefined, '/report', true],
      'by a URL of its own, over https': [{ by: 'token', isHttps: true }, REPORTER, true],
      'by a URL of its own, over http': [{ by: 'token' }, REPORTER, false],
      'by a token that is for reading': [
        { by: 'token', isHttps: true },
        `/report/${metadataToken(SECRET, WEB.guestId)}`,
        false,
      ],
      'from an address': [{ by: 'address', find: () => WEB.guestId }, '/report', false],
    }
  for (const [way, [identity, path, verified]] of Object.entries(VERIFIED))
    it(`${verified ? 'are' : 'are not'} verified where they come ${way}`, async (t) => {
      assert.equal((await heardBy(t, identity, path)).hostKeysVerified ?? false, verified)
    })
})
