import assert from 'node:assert/strict'
import { test } from 'node:test'
import { learnt } from './seen.ts'

const nic = { id: 'p', mac: '52:54:00:00:00:01', addresses: [{ address: '10.0.0.5', assignment: 'dhcp' as const }] }

test('what a cloud tells outranks what was known, and its silence takes nothing away', () => {
  const facts = { launchIndex: 0, name: 'web', projectId: 'ours', localIpv4: '10.0.0.4' }
  assert.deepEqual(learnt({ facts }, {}), { facts })
  assert.deepEqual(learnt({ facts }, { network: { nics: [nic] }, facts: { projectId: 'theirs' } }), {
    network: { nics: [nic] },
    facts: { ...facts, projectId: 'theirs', localIpv4: '10.0.0.5' },
  })
})

test('a public address is gone when the cloud tells of the machine without one', () => {
  const facts = { launchIndex: 0, publicIpv4: '192.0.2.1' }
  assert.equal(learnt({ facts }, { network: { nics: [nic] } }).facts.publicIpv4, '192.0.2.1')
  assert.equal(learnt({ facts }, { facts: { name: 'web' } }).facts.publicIpv4, undefined)
  assert.equal(learnt({ facts }, { facts: { publicIpv4: '192.0.2.2' } }).facts.publicIpv4, '192.0.2.2')
})
