import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCloudError } from '../model/errors.ts'
import type { OpenNebulaApi } from '../providers/opennebula/api.ts'
import { call, replay } from '../providers/opennebula/testdata/replay.ts'
import { openNebulaRecords } from './opennebula.ts'

const recordsOf = (api: OpenNebulaApi) => openNebulaRecords({ api, zone: 'one', log: () => {} })

describe('what a real OpenNebula has recorded', () => {
  it('is told of a guest that runs, and of no other', async () => {
    const asked = (name: string, id: string) => replay(name, (api) => recordsOf(api).guest(id, call()))
    assert.ok(await asked('vm-info-running-request-id', '4'))
    assert.equal(await asked('vm-info-done', '2'), undefined)
    assert.equal(await asked('vm-info-pending', '0'), undefined)
    assert.equal(await asked('vm-info-noexists', '99'), undefined)
  })

  it('may be an error, which says nothing of the guest', async () => {
    const failed = await replay('vm-info-non-bmp', (api) => recordsOf(api).guest('19', call()))
    assert.ok(isCloudError(failed, 'provider-failed'), String(failed))
  })
})

describe('an address that several VMs of a network have', () => {
  it('is nobody’s, however often the network is read, and the site is told once; others are not hurt', async () => {
    const log: string[] = []
    const lease = (vmId: number, ...addresses: readonly string[]) => ({ vmId, addresses })
    const leases = [lease(1, '10.0.0.5'), lease(2, '10.0.0.6', 'fe80::1'), lease(3, '10.0.0.5'), lease(2, '10.0.0.6')]
    const unused = () => Promise.reject(new Error('is not asked'))
    const records = openNebulaRecords({
      api: {
        network: (id) =>
          Promise.resolve({
            id,
            uid: 0,
            name: 'net',
            attributes: { single: {}, vectors: {} },
            ranges: [{ attributes: {}, leases }],
          }),
        vm: unused,
        vms: unused,
      },
      zone: 'one',
      log: (line) => void log.push(line),
    })
    for (let time = 0; time < 2; time++)
      assert.deepEqual(
        await records.guestsOf('3', call()),
        new Map([
          ['10.0.0.6', '2'],
          ['fe80::1', '2'],
        ]),
      )
    assert.equal(log.length, 1)
    assert.match(log[0] ?? '', /network 3: several VMs have 10\.0\.0\.5/)
  })
})
