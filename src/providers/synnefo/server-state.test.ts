import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readServer, toRemoteInstance } from './server-state.ts'

const ID = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'

function shown(change: Readonly<Record<string, unknown>> = {}) {
  const server = readServer({
    server: {
      id: 5678,
      name: `web-bellhop-${ID}`,
      status: 'ACTIVE',
      'SNF:task_state': '',
      metadata: { bellhop_id: ID },
      attachments: [],
      diagnostics: [],
      ...change,
    },
  })
  return toRemoteInstance(server ?? assert.fail('it is a server'))
}

describe('a server of Synnefo', () => {
  for (const [status, task, state] of [
    ['BUILD', 'BUILDING', 'creating'],
    ['ACTIVE', '', 'active'],
    ['ACTIVE', 'STOPPING', 'active'],
    ['REBOOT', 'REBOOTING', 'active'],
    ['STOPPED', '', 'inactive'],
    ['RESIZE', 'RESIZING', 'inactive'],
    ['ACTIVE', 'DESTROYING', 'deleting'],
    ['DELETED', '', 'deleted'],
    ['DELETED', 'DESTROYING', 'deleted'],
    ['UNKNOWN', null, 'unknown'],
    ['MOVED', undefined, 'unknown'],
  ] as const)
    it(`is ${state} where its status is ${status} and its task ${task}`, () => {
      assert.equal(shown({ status, 'SNF:task_state': task }).state, state)
    })

  it('says why it is an error, in one short line', () => {
    const diagnostics = [{ level: 'ERROR', message: 'Image customization failed.', details: `no\n${'x'.repeat(999)}` }]
    const { reason = '' } = shown({ status: 'ERROR', diagnostics })
    assert.match(reason, /^Image customization failed\. no x+…$/)
    assert.ok(reason.length <= 200)
    assert.equal(shown({ status: 'ERROR' }).reason, 'Synnefo does not say why')
    assert.equal(shown({ diagnostics }).reason, undefined)
  })

  it('has the addresses of its cards, and our id from its metadata, or from its name', () => {
    const card = { id: 7, network_id: '3', mac_address: 'AA:0C:F0:00:00:01', ipv4: '192.0.2.7', ipv6: '2001:db8::7' }
    const { network, ourId, remoteId } = shown({ attachments: [card] })
    assert.deepEqual([ourId, remoteId], [ID, '5678'])
    assert.deepEqual(network?.nics, [
      {
        id: '7',
        mac: 'aa:0c:f0:00:00:01',
        addresses: ['192.0.2.7', '2001:db8::7'].map((address) => ({ address, networkId: '3', assignment: 'dhcp' })),
      },
    ])
    assert.equal(shown({ metadata: {} }).ourId, ID)
    assert.equal(shown({ metadata: {}, name: 'web' }).ourId, undefined)
  })
})
