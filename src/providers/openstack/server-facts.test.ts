import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { factsOf } from './server-facts.ts'
import { readServer, type Server } from './server-state.ts'
import { withReplayedCloud } from './testdata/replay.ts'

async function recorded(name: string): Promise<Server> {
  let body = ''
  await withReplayedCloud(async (cloud) => {
    body = cloud.recorded(name).body ?? ''
  })
  return readServer(JSON.parse(body), name)
}

/** What Nova's metadata service told the guest of the recorded server. */
const TOLD = {
  name: 'three-cards',
  projectId: '59376e0327e34f2aaa96e17376535206',
  sizeName: 'tiny',
  zone: 'nova',
  publicIpv4: '192.0.2.70',
  securityGroups: ['web', 'web', 'web'],
}

describe('the facts of a server', () => {
  it("are those that Nova's users are shown", async () => {
    assert.deepEqual(factsOf(await recorded('nova-server-cards')), TOLD)
  })

  it('are more where we are an administrator', async () => {
    const ofAdministrators = { launchIndex: 0, rootDevice: '/dev/sda', ec2: { reservationId: 'r-pk8qaa1o' } }
    assert.deepEqual(factsOf(await recorded('nova-server-cards-admin')), { ...TOLD, ...ofAdministrators })
  })

  it('are no groups where it has none, and unknown ones while it is being made', () => {
    const server = { id: 'a', name: 'a', status: 'ACTIVE' }
    assert.deepEqual(factsOf(server), { name: 'a', securityGroups: [] })
    assert.deepEqual(factsOf({ ...server, status: 'BUILD' }), { name: 'a' })
  })

  it('leave out what is empty, and what an old Nova does not show', () => {
    const server: Server = {
      id: 'a',
      name: 'a',
      status: 'BUILD',
      flavor: {},
      'OS-EXT-AZ:availability_zone': '',
      'OS-EXT-SRV-ATTR:root_device_name': null,
      'OS-EXT-SRV-ATTR:reservation_id': null,
      addresses: { net: [{ version: 4, addr: '192.0.2.9', 'OS-EXT-IPS:type': 'fixed' }] },
    }
    assert.deepEqual(factsOf(server), { name: 'a' })
  })
})
