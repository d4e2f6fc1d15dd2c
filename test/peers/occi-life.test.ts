import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Gateway } from '../e2e/gateway.ts'
import { sha256 } from '../../src/model/digest.ts'
import { needQemu, processesWith, untilTrue } from './demo-guest.ts'
import { consoleOf, startQemuGateway } from './qemu-gateway.ts'

const I = 'http://schemas.ogf.org/occi/infrastructure#'
const kind = (term: string): string => `Category: ${term}; scheme="${I}"; class="kind"`
const attribute = (name: string, value: string | number): string =>
  `X-OCCI-Attribute: ${name}=${typeof value === 'number' ? value : `"${value}"`}`
const linkTo = (path: string, rel: string): string => `Link: <${path}>; rel="${I}${rel}"`

/** What a client asks of OCCI, in text. */
function client({ ask }: Gateway) {
  const send = async (method: string, path: string, ...lines: string[]): Promise<string> => {
    const text = { 'Content-Type': 'text/plain', Accept: 'text/plain' }
    const response = await ask(path, { method, headers: text, ...(lines.length > 0 ? { body: lines.join('\n') } : {}) })
    const body = await response.text()
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${body}`)
    return body
  }
  const make = async (term: string, ...lines: string[]): Promise<string> => {
    const body = await send('POST', `/${term}/`, kind(term), ...lines)
    return new URL(body.replace('X-OCCI-Location: ', '')).pathname
  }
  const until = (path: string, name: string, value: string): Promise<void> =>
    untilTrue(async () => (await send('GET', path)).includes(`${name}="${value}"`), `${path} has ${name}="${value}"`)
  return { send, make, until }
}

describe('OCCI and QEMU', () => {
  it('one machine lives with its data, a volume and a network', async (t) => {
    if (!needQemu(t)) return
    const gateway = await startQemuGateway(t)
    const { send, make, until } = client(gateway)
    const word = randomBytes(8).toString('hex')

    const network = await make('network', attribute('occi.network.address', '192.0.2.0/24'))
    const storage = await make('storage', attribute('occi.storage.size', 0.1), attribute('occi.core.title', 'data'))
    // It tells by the volume what it found of the network, so that both are seen from outside.
    const script = `#!/bin/sh
mac=$(cat /sys/class/net/eth1/address) && echo "${word} $mac" >/dev/vda && sync && cat /dev/vda | head -n 1
`
    const compute = await make(
      'compute',
      attribute('occi.core.title', 'life'),
      attribute('occi.compute.userdata', Buffer.from(script).toString('base64')),
      linkTo(network, 'network'),
      linkTo(storage, 'storage'),
    )
    await until(compute, 'bellhop.delivery.state', 'applied')
    const shown = await send('GET', compute)
    assert.ok(shown.includes(attribute('bellhop.userdata.sha256', sha256(Buffer.from(script)))))
    assert.match(shown, new RegExp(`Link: <${network}>[^\\n]*interface="eth1"[^\\n]*address="192\\.0\\.2\\.1"`))
    assert.match(shown, new RegExp(`Link: <${storage}>[^\\n]*deviceid="vda"`))
    const mac = new RegExp(`Link: <${network}>[^\\n]*mac="([0-9a-f:]+)"`).exec(shown)?.[1] ?? assert.fail()
    const id = compute.slice('/compute/'.length)
    const text = await consoleOf(gateway, id)
    assert.ok(text.includes(`${word} ${mac}`), 'the guest has the card and the volume that its links tell of')

    await send('POST', `${compute}?action=suspend`)
    await send('POST', `${compute}?action=start`)
    await until(compute, 'occi.compute.state', 'active')

    const [disk = assert.fail()] = (await send('GET', '/storagelink/')).split('\n').map(toPath)
    await send('DELETE', disk)
    await send('POST', `${storage}?action=resize`, attribute('size', 0.2))
    await send('POST', `${storage}?action=snapshot`)
    assert.ok((await send('GET', storage)).includes('occi.storage.size=0.2'))
    const backup = await gateway.ask(`${storage}?action=backup`, { method: 'POST' })
    assert.equal(backup.status, 501)
    const saved = await gateway.ask(`${compute}?action=save`, { method: 'POST' })
    assert.equal(saved.status, 501, 'the demo guest has no disk to save')
    assert.match(await saved.text(), /disk/)

    // The next machine reads what the first one wrote.
    const reader = await make(
      'compute',
      attribute('occi.compute.userdata', Buffer.from('#!/bin/sh\nhead -n 1 /dev/vda\n').toString('base64')),
      linkTo(storage, 'storage'),
    )
    await until(reader, 'bellhop.delivery.state', 'applied')
    const read = await consoleOf(gateway, reader.slice('/compute/'.length))
    assert.ok(read.includes(`${word} ${mac}`))

    for (const all of ['/compute/', '/storage/', '/network/']) await send('DELETE', all)
    assert.equal(await send('GET', '/link/'), '')
    assert.deepEqual(await processesWith(id), [], 'no process is left')
    for (const folder of ['volumes', 'networks'])
      assert.deepEqual(await readdir(join(gateway.folder, 'bellhop', 'qemu', folder)), [], folder)
  })
})

function toPath(line: string): string {
  return new URL(line.replace('X-OCCI-Location: ', '')).pathname
}
