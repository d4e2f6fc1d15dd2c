import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { InstanceState } from '../../model/instance.ts'
import { parseXml } from '../../wire/xml.ts'
import { readVm } from './api-bodies.ts'
import { stateOf } from './states.ts'
import { isClear } from './template.ts'
import { toRemoteInstance, toVmName } from './vm.ts'

describe('a VM of OpenNebula 3.2', () => {
  it('is in the state that its two numbers say', () => {
    const rows: readonly (readonly [state: number, lcmState: number, ours: InstanceState])[] = [
      [0, 0, 'creating'], [1, 0, 'creating'], [2, 0, 'inactive'], [3, 0, 'creating'], [3, 1, 'creating'], [3, 2, 'creating'],
      [3, 3, 'active'], [3, 4, 'active'], [3, 5, 'active'], [3, 6, 'active'], [3, 7, 'active'], [3, 8, 'active'], [3, 9, 'suspended'],
      [3, 10, 'active'], [3, 11, 'deleting'], [3, 12, 'deleting'], [3, 13, 'deleting'], [3, 14, 'error'], [3, 15, 'deleting'],
      [3, 16, 'unknown'], [3, 99, 'unknown'], [4, 0, 'suspended'], [5, 0, 'suspended'], [6, 0, 'deleted'], [7, 0, 'error'], [8, 0, 'unknown'],
    ] // prettier-ignore
    for (const [state, lcmState, ours] of rows) assert.equal(stateOf({ state, lcmState }), ours, `${state} ${lcmState}`)
  })

  it('has our id, its addresses and our links in its template', () => {
    const body =
      '<VM><ID>42</ID><UID>2</UID><GID>1</GID><NAME>web</NAME><STATE>3</STATE><LCM_STATE>3</LCM_STATE><TEMPLATE>' +
      '<BELLHOP_ID><![CDATA[4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11]]></BELLHOP_ID><NIC><BELLHOP_LINK>l1</BELLHOP_LINK>' +
      '<IP>192.0.2.7</IP><MAC>02:00:C0:00:02:07</MAC><NETWORK>public</NETWORK></NIC></TEMPLATE></VM>'
    assert.deepEqual(toRemoteInstance(readVm(parseXml(body))), {
      remoteId: '42',
      ourId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
      state: 'active',
      facts: { name: 'web' },
      network: {
        nics: [{ id: 'one-42-0', mac: '02:00:c0:00:02:07', addresses: [{ address: '192.0.2.7', assignment: 'dhcp' }] }],
      },
      attached: [{ linkId: 'l1', mac: '02:00:c0:00:02:07', address: '192.0.2.7' }],
    })
  })

  it('has a name that a template can hold, whatever the title', () => {
    assert.equal(toVmName('Größe $1', 'abcdefgh-1'), 'Gr-e -1')
    assert.equal(toVmName('"', 'abcdefgh-1'), 'bellhop-abcdefgh')
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (title) => {
        const name = toVmName(title, 'abcdefgh-1')
        assert.ok(isClear(name) && name.length <= 128 && name === name.trim())
      }),
    )
  })
})
