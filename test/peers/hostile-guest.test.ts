import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { NETWORK } from '../../src/providers/qemu/network.ts'
import { creation } from '../e2e/gateway.ts'
import { needQemu, PATIENCE_MS } from './demo-guest.ts'
import { consoleOf, startQemuGateway } from './qemu-gateway.ts'

describe('a guest that turns against its gateway', () => {
  it('reaches the API through the host’s loopback, but creates nothing there and learns nothing', async (t) => {
    if (!needQemu(t)) return
    const gateway = await startQemuGateway(t)
    const word = randomBytes(8).toString('hex')
    const port = new URL(gateway.url).port
    const metadataPort = new URL(gateway.metadataUrl).port
    const body = creation('#!/bin/sh\n').body.replaceAll("'", '').replaceAll('\n', '\\n')
    // busybox wget shows the status of a refusal on stderr.
    const script = `#!/bin/sh
ask() { timeout 20 wget -O - "$@" 2>&1 | tr '\\n' ' '; echo; }
echo "POST: $(printf '${body}' >/run/body; ask --post-file /run/body --header 'Content-Type: text/plain' http://${NETWORK.host}:${port}/compute/)"
echo "FORGED: $(ask --post-file /run/body --header 'Content-Type: text/plain' --header 'Host: localhost' http://${NETWORK.host}:${port}/compute/)"
echo "GET: $(ask --header 'Host: localhost' http://${NETWORK.host}:${port}/compute/)"
echo "METADATA: $(ask http://${NETWORK.host}:${metadataPort}/latest/user-data)"
echo "OWN: $(ask http://169.254.169.254/latest/meta-data/instance-id)"
echo "done ${word}"
`
    const made = await gateway.ask('/compute/', creation(script))
    assert.equal(made.status, 201)
    const id = made.headers.get('location')?.split('/').at(-1) ?? ''
    let text = ''
    for (const end = Date.now() + PATIENCE_MS; !text.includes(`done ${word}`); await sleep(300)) {
      assert.ok(Date.now() < end, `the guest did not finish:\n${text}`)
      text = await consoleOf(gateway, id)
    }
    const said = (what: string): string => new RegExp(`^user-data: ${what}: (.*)$`, 'm').exec(text)?.[1] ?? text
    assert.match(said('POST'), /403 Forbidden/, 'by a name that is not ours')
    assert.match(said('FORGED'), /401 Unauthorized/, 'by one that is, but without a credential')
    assert.match(said('GET'), /401 Unauthorized/)
    assert.match(said('METADATA'), /404 Not Found/)
    assert.match(said('OWN'), /i-[0-9a-f]{17}/, 'its own metadata are there')
    const { instances } = (await (await gateway.ask('/api/v1/instances')).json()) as { instances: readonly unknown[] }
    assert.equal(instances.length, 1)
    assert.equal((await gateway.ask(`/compute/${id}`, { method: 'DELETE' })).status, 200)
  })
})
