import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { MEMORY_CONFIG, startGateway, type Gateway } from './gateway.ts'

const NOVAS = 'a-token-of-nova'
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILB1XcTa5cL4SDk3PVLo/HHXJGV1nVs3+mKv5bR2wcoH'

function configWith(report: string): string {
  return `${MEMORY_CONFIG}
[report]
${report}
[[vendordata]]
provider = "memory"
tokenSha256 = "${sha256(Buffer.from(NOVAS))}"
`
}

interface Shown {
  readonly id: string
  readonly remoteId: string
  readonly plan: { readonly tracking?: false }
  readonly delivery: { readonly state: string; readonly finishedUnproven: boolean }
  readonly hostKeys?: { readonly keys: readonly string[]; readonly verified: boolean }
}

/** A new instance. */
async function create({ ask }: Gateway, wanted: object): Promise<Shown> {
  const body = JSON.stringify({ userData: Buffer.from('#!/bin/sh\n').toString('base64'), ...wanted })
  const made = await ask('/api/v1/instances', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  assert.equal(made.status, 201)
  return (await made.json()) as Shown
}

async function show({ ask }: Gateway, { id }: Shown): Promise<Shown> {
  return (await (await ask(`/api/v1/instances/${id}`)).json()) as Shown
}

/** What Nova is told to give its guest beside the user's data. */
async function toldTo({ url }: Gateway, { remoteId }: Shown): Promise<string> {
  const answer = await fetch(`${url}/vendordata/memory`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-Auth-Token': NOVAS },
    body: JSON.stringify({ 'instance-id': remoteId }),
  })
  return (await answer.json()) as string
}

for (const [scheme, verified] of [
  ['https', true],
  ['http', false],
] as const)
  test(`a guest that phones home over ${scheme} has its host keys kept, ${verified ? '' : 'not '}verified`, async (t) => {
    const gateway = await startGateway(t, { config: configWith(`url = "${scheme}://reports.example.org"`) })
    const instance = await create(gateway, {})
    assert.equal(instance.hostKeys, undefined)
    const told = await toldTo(gateway, instance)
    const url = new URL(/^phone_home:\n  url: "([^"]+)"$/m.exec(told)?.[1] ?? assert.fail(told))
    assert.equal(url.host, 'reports.example.org')
    // What stands before us ends the encryption.
    const called = await fetch(gateway.metadataUrl + url.pathname, {
      method: 'POST',
      body: new URLSearchParams({ hostname: 'x', fqdn: 'N/A', pub_key_rsa: 'N/A', pub_key_ed25519: `${KEY} root@x\n` }),
    })
    assert.equal(called.status, 200)
    const { hostKeys, delivery } = await show(gateway, instance)
    assert.deepEqual(hostKeys, { keys: [KEY], verified })
    assert.deepEqual([delivery.state, delivery.finishedUnproven], ['offered', true])
  })

test('a guest is told nothing of ours where its user wants none of it, or the configuration says so', async (t) => {
  const url = 'url = "http://10.0.0.1:8788"'
  const gateway = await startGateway(t, { config: configWith(url) })
  const tracked = await create(gateway, { tracking: true })
  assert.equal(tracked.plan.tracking, undefined)
  assert.match(await toldTo(gateway, tracked), /reporting/)
  const silent = await startGateway(t, { config: configWith(`${url}\nenabled = false`) })
  for (const [at, wanted] of [
    [gateway, { tracking: false }],
    [silent, {}],
  ] as const) {
    const instance = await create(at, wanted)
    assert.equal(instance.plan.tracking, false)
    assert.equal(await toldTo(at, instance), '')
  }
})
