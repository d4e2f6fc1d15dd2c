import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { isCloudError } from '../../model/errors.ts'
import { parseXml } from '../../wire/xml.ts'
import { parseAnswer } from '../../wire/xmlrpc-parse.ts'
import { isList } from '../../wire/xmlrpc-render.ts'
import { childrenOf, readBody } from '../one-xml.ts'
import { readAttributes } from './api-attributes.ts'
import { readNetwork, readUser } from './api-pools.ts'
import { readTemplate, readVm } from './api-vms.ts'
import { recorded } from './testdata/replay.ts'

const vm = (rest: string) =>
  `<VM><ID>7</ID><UID>1</UID><GID>2</GID><NAME>seven</NAME><STATE>3</STATE><LCM_STATE>3</LCM_STATE>` +
  `<STIME>100</STIME><ETIME>0</ETIME>${rest}</VM>`

describe('attributes', () => {
  it('are texts and vectors, one or many of a name, whatever the name', () => {
    const source =
      '<T><A>1</A><A>2</A><B/><D><X>1</X></D><D><X>2</X><Y/></D><__proto__><X>3</X></__proto__><constructor>c</constructor></T>'
    const { single, vectors } = readAttributes(parseXml(source))
    assert.deepEqual(Object.entries(single), [
      ['A', '1'],
      ['B', ''],
      ['constructor', 'c'],
    ])
    assert.deepEqual(Object.entries(vectors), [
      ['D', [{ X: '1' }, { X: '2', Y: '' }]],
      ['__proto__', [{ X: '3' }]],
    ])
    assert.deepEqual(readAttributes(undefined), { single: {}, vectors: {} })
  })
})

describe('a VM', () => {
  it('has one card or many, and aliases apart', () => {
    const nic = (id: number) => `<NIC><NIC_ID>${id}</NIC_ID></NIC>`
    const read = (cards: string) => readVm(parseXml(vm(`<TEMPLATE>${cards}</TEMPLATE>`)))
    assert.deepEqual(read('').nics, [])
    assert.deepEqual(read(nic(0)).nics, [{ NIC_ID: '0' }])
    assert.deepEqual(read(nic(0) + nic(1)).nics, [{ NIC_ID: '0' }, { NIC_ID: '1' }])
    const { nics, nicAliases, template } = read(`${nic(0)}<NIC_ALIAS><PARENT_ID>0</PARENT_ID></NIC_ALIAS>`)
    assert.deepEqual([nics.length, nicAliases, template.vectors], [1, [{ PARENT_ID: '0' }], {}])
  })

  it('has an empty CONTEXT, or none', () => {
    const contextOf = (context: string) => readVm(parseXml(vm(`<TEMPLATE>${context}</TEMPLATE>`))).context
    assert.deepEqual(contextOf('<CONTEXT/>'), {})
    assert.equal(contextOf(''), undefined)
    assert.equal('CONTEXT' in readVm(parseXml(vm('<TEMPLATE><CONTEXT/></TEMPLATE>'))).template.single, false)
  })

  it('is where its newest record says', () => {
    const record = (host: string) => `<HISTORY><HOSTNAME>${host}</HOSTNAME></HISTORY>`
    const read = (records: string) => readVm(parseXml(vm(`<HISTORY_RECORDS>${records}</HISTORY_RECORDS>`)))
    assert.equal(read(record('old') + record('new')).hostName, 'new')
    assert.equal(read('').hostName, undefined)
  })

  it('without what it needs is refused, naming that', () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['<VM/>', /^x: OpenNebula's VM has no /],
      [vm('').replace('<STATE>3', '<STATE>three'), /^x: OpenNebula's VM: STATE is no whole number$/],
      ['<VM_POOL/>', /^x: a body that begins with no VM$/],
      ['VM 7', /^x: not the XML that is expected: at character 1: text beside the root$/],
    ]
    for (const [text, message] of wrong)
      assert.throws(
        () => readBody('x', text, 'VM', readVm),
        (error) => isCloudError(error, 'provider-failed') && message.test(error.message),
      )
  })
})

describe('a body', () => {
  it('of which anything is missing is read or refused', async () => {
    const answer = parseAnswer(await recorded('vmpool-all-including-done', 'resp'))
    assert.ok('value' in answer && isList(answer.value))
    const [, body] = answer.value
    assert.ok(typeof body === 'string')
    const place = fc.nat({ max: body.length })
    fc.assert(
      fc.property(place, fc.nat({ max: 400 }), (from, length) => {
        try {
          readBody('x', body.slice(0, from) + body.slice(from + length), 'VM_POOL', (pool) =>
            childrenOf(pool, 'VM').map(readVm),
          )
        } catch (error) {
          assert.ok(isCloudError(error, 'provider-failed'), String(error))
          assert.ok(error.message.length < 200, error.message)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('a template', () => {
  it('without CONTEXT has none', () => {
    const source =
      '<VMTEMPLATE><ID>1</ID><UID>0</UID><GID>0</GID><NAME>a</NAME><TEMPLATE><CPU>1</CPU></TEMPLATE></VMTEMPLATE>'
    assert.deepEqual(readTemplate(parseXml(source)), {
      id: 1,
      uid: 0,
      gid: 0,
      name: 'a',
      attributes: { single: { CPU: '1' }, vectors: {} },
    })
  })
})

describe('a user', () => {
  it('has no secrets', () => {
    const source =
      '<USER><ID>2</ID><GID>1</GID><NAME>alice</NAME><PASSWORD>hash</PASSWORD><LOGIN_TOKEN><TOKEN>secret</TOKEN></LOGIN_TOKEN>' +
      '<TEMPLATE><TOKEN_PASSWORD>secret</TOKEN_PASSWORD></TEMPLATE></USER>'
    assert.deepEqual(readUser(parseXml(source)), { id: 2, name: 'alice', gid: 1 })
  })
})

describe('a network', () => {
  it('has ranges with the leases of all kinds of addresses, one or many', () => {
    const lease = (rest: string) => `<LEASE>${rest}</LEASE>`
    const leases = [
      lease('<IP>192.0.2.104</IP><MAC>02:00:c0:00:02:68</MAC><VM>4</VM>'),
      lease('<IP>192.0.2.105</IP><IP6_GLOBAL>2001:db8::1</IP6_GLOBAL><IP6_LINK>fe80::1</IP6_LINK><IP6_ULA/><VM>5</VM>'),
      lease('<IP>192.0.2.106</IP><VM>-1</VM>'),
      lease('<IP>192.0.2.107</IP><VROUTER>3</VROUTER>'),
    ]
    const network = (ranges: string) =>
      readNetwork(parseXml(`<VNET><ID>0</ID><UID>0</UID><NAME>n</NAME><AR_POOL>${ranges}</AR_POOL></VNET>`))
    const range = (content: string) => `<AR><AR_ID>0</AR_ID><LEASES>${content}</LEASES></AR>`
    const [one, ...others] = network(range(leases.join(''))).ranges
    assert.deepEqual(others, [])
    assert.deepEqual(one, {
      attributes: { AR_ID: '0' },
      leases: [
        { vmId: 4, addresses: ['192.0.2.104'], mac: '02:00:c0:00:02:68' },
        { vmId: 5, addresses: ['192.0.2.105', '2001:db8::1', 'fe80::1'] },
        { addresses: ['192.0.2.106'] },
        { addresses: ['192.0.2.107'] },
      ],
    })
    assert.equal(network(range(leases[0] ?? '')).ranges[0]?.leases.length, 1)
    assert.equal(network(range('') + range('')).ranges.length, 2)
    assert.equal('state' in network(''), false)
  })
})
