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
