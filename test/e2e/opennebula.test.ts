import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readContextDisk } from '../../src/deliveries/disk.ts'
import { sha256 } from '../../src/model/digest.ts'
import { startOpenNebula, type OpenNebula } from '../opennebula/opennebula.ts'
import { vectorsOf } from '../opennebula/template.ts'
import { creation, startGatewayTo, type Gateway } from './gateway.ts'

const USER_DATA = Buffer.from(Array.from({ length: 40_000 }, (_, index) => (index * 31) & 0xff))
const PATIENCE_MS = 20_000

/** A gateway in front of an OpenNebula with one template, of which it has an account's file. */
async function open(t: TestContext): Promise<{ readonly one: OpenNebula; readonly gateway: Gateway }> {
  const one = await startOpenNebula(t)
  one.addUser({ name: 'bellhop', password: 'wonderland' })
  one.addNetwork({ name: 'public', mode: '644', range: { first: '192.0.2.10', size: 50 } })
  const template = 'CPU="1" MEMORY="64" NIC=[ NETWORK_ID="0" ] CONTEXT=[ NETWORK="YES" ]'
  one.addTemplate({ name: 'debian', mode: '644', template })
  const gateway = await startGatewayTo(
    t,
    'bellhop:wonderland',
    (authFile) => `
[providers.site]
driver = "opennebula"
endpoint = "${one.url}"
authFile = "${authFile}"
`,
  )
  return { one, gateway }
}

/** What the disk of a VM says, once there is one. */
async function diskOf(one: OpenNebula, id: number) {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(20)) {
    const image = one.vms()[id] && (await one.imageOf(id))
    if (image) return await readContextDisk(image)
    assert.ok(Date.now() < end, `VM ${id} has a disk`)
  }
}

interface Shown {
  readonly state: string
  readonly userDataSha256: string
}

async function shown({ ask }: Gateway, id: string): Promise<Shown> {
  return (await (await ask(`/api/v1/instances/${id}`)).json()) as Shown
}

function idIn(response: Response): string {
  return response.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
}

test('what OCCI and CIMI clients send is on the disk of an OpenNebula, byte for byte', async (t) => {
  const { one, gateway } = await open(t)
  const occi = await gateway.ask('/compute/', creation(USER_DATA))
  assert.equal(occi.status, 201, await occi.clone().text())
  const cimi = await gateway.ask('/cimi/machines', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      name: 'web',
      machineTemplate: {
        machineImage: { href: 'site-debian' },
        machineConfig: { href: 'site-template-debian' },
        userData: USER_DATA.toString('base64'),
      },
    }),
  })
  assert.equal(cimi.status, 201, await cimi.clone().text())
  for (const [vmId, response] of [occi, cimi].entries()) {
    const disk = await diskOf(one, vmId)
    assert.equal(disk.label, 'CONTEXT')
    const digest = sha256(disk.contexts['opennebula']?.userData ?? Buffer.of())
    assert.equal(digest, sha256(USER_DATA))
    assert.equal((await shown(gateway, idIn(response))).userDataSha256, digest)
  }
  assert.equal(one.vms().length, 2)
  for (const { template } of one.vms())
    assert.equal(vectorsOf(template, 'NIC').length, 1, "who asks for no network has the template's card alone")
  assert.ok(
    gateway.log.every((line) => !line.includes('wonderland')),
    'the password is in no log',
  )
})

test('a machine whose making lost its answer is made once, and goes away whole', async (t) => {
  const { one, gateway } = await open(t)
  one.setFaults([{ method: 'one.template.instantiate', happens: 'drop-after', times: 1 }])
  const id = idIn(await gateway.ask('/compute/', creation(USER_DATA)))
  for (const end = Date.now() + PATIENCE_MS; (await shown(gateway, id)).state !== 'active'; await sleep(50))
    assert.ok(Date.now() < end, `${id} is active`)
  assert.equal(one.vms().length, 1)
  const deleted = await gateway.ask(`/compute/${id}`, { method: 'DELETE' })
  assert.ok(deleted.ok, await deleted.text())
  for (const end = Date.now() + PATIENCE_MS; one.vms()[0]?.state !== 6; await sleep(50))
    assert.ok(Date.now() < end, 'its VM is deleted')
})
