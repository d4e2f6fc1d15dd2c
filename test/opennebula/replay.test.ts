import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { DISKS } from '../../src/disks/index.ts'
import { post, reach, tell } from './asking.ts'
import { startOpenNebula, type OpenNebula } from './opennebula.ts'

const TESTDATA = fileURLToPath(new URL('testdata', import.meta.url))
const ALICE = 'alice:wonderland'

test('every recorded call of OpenNebula 6.8 gets the recorded answer, and every VM the recorded context.sh', async (t) => {
  const one = await startOpenNebula(t, { delays: { pendingMs: Infinity } })
  const replayed = new Set<string>()

  /** Sends recorded calls, and compares the answers. */
  const replay = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) {
      const request = await readFile(`${TESTDATA}/${name}.req.xml`)
      const recorded = await readFile(`${TESTDATA}/${name}.resp.xml`, 'utf8')
      const url = name === 'http-404-wrong-path' ? one.url.replace('RPC2', 'RPC3') : one.url
      const { text } = await post(url, new Uint8Array(request))
      assert.equal(normalised(text), normalised(recorded), name)
      replayed.add(name)
    }
  }
  const contextIs = async (id: number, name: string): Promise<void> => {
    assert.equal(one.contextOf(id), await readFile(`${TESTDATA}/${name}.context.sh`, 'utf8'), name)
    replayed.add(`${name}.context`)
  }

  addSite(one)
  await replay('system-version', 'auth-wrong-password', 'user-info-self', 'user-login-token')
  await replay('fault-wrong-parameter-type', 'fault-unknown-method', 'http-404-wrong-path')
  await replay('imagepool-all', 'vnpool-all', 'vn-info', 'templatepool-all', 'template-info', 'template-info-noexists')
  one.addTemplate({
    name: 'with-restricted',
    template: 'CPU=0.1 MEMORY=64 CONTEXT=[ NETWORK="YES", FILES="/srv/x.sh", PASSWORD="secret" ]',
  })
  await replay('template-info-encrypted-and-restricted')

  await replay('instantiate-text-merged', 'instantiate-replaces-context', 'instantiate-brace-variable-xml')
  await replay('instantiate-text-trailing-backslash', 'instantiate-xml-cdata-end', 'instantiate-noexists')
  await replay('instantiate-xml-malformed', 'instantiate-text-hard-values')
  await replay('vm-info-pending', 'vm-info-noexists', 'vmpool-mine-pending', 'deploy', 'deploy-noexists')
  await tell(one, 'one.template.instantiate', 0, 'ctx-vm-32')
  await replay('instantiate-xml-merged-with-request-id', 'instantiate-token-and-files', 'allocate-stratuslab-context')
  await replay('instantiate-value-by-reference')
  await tell(one, 'one.template.instantiate', 0, 'bs')
  await tell(one, 'one.template.instantiate', 0, 'w', true)
  await replay('instantiate-xml-bad-key')
  await tell(one, 'one.template.instantiate', 0, 'w', true)
  await replay('action-release')
  await tell(one, 'one.vm.action', 'release', 10)
  for (let id = 1; id <= 10; id += 1) await tell(one, 'one.vm.deploy', id, 0, false, 101, '')
  for (let id = 0; id <= 10; id += 1) await reach(one, id, 3, 3)
  await contextIs(0, 'instantiate-text-merged')
  const image = await one.imageOf(0)
  const recorded = DISKS.iso.read(gunzipSync(await readFile(`${TESTDATA}/one-context.iso.gz`)))
  assert.deepEqual(image && contentOf(DISKS.iso.read(image)), contentOf(recorded))
  await contextIs(1, 'instantiate-replaces-context')
  await contextIs(2, 'instantiate-text-hard-values')
  await contextIs(4, 'instantiate-xml-merged-with-request-id')
  await contextIs(5, 'instantiate-token-and-files')
  await contextIs(6, 'allocate-stratuslab-context')
  await contextIs(7, 'instantiate-value-by-reference')
  await contextIs(10, 'instantiate-xml-bad-key')

  await replay('vm-info-running-request-id', 'vmpool-bad-state', 'vmpool-search-unsupported', 'vmpool-page-first')
  await replay('vmpool-infoextended-range', 'vmpool-infoset-short', 'updateconf-replace')
  await reach(one, 1, 3, 3)
  await contextIs(1, 'updateconf-replace')
  await replay('updateconf-append')
  await reach(one, 1, 3, 3)
  await contextIs(1, 'updateconf-append')
  await replay('updateconf-brace-variable', 'updateconf-denied', 'vm-update-merge', 'vm-update-noexists')

  await replay('action-poweroff')
  await reach(one, 2, 8)
  await replay('action-resume')
  await reach(one, 2, 3, 3)
  await replay('action-hold-wrong-state', 'action-unknown', 'action-noexists')
  one.setVmLock(2, true)
  await replay('action-locked')
  one.setVmLock(2, false)
  await tell(one, 'one.vm.action', 'suspend', 2)
  await reach(one, 2, 5)
  await tell(one, 'one.vm.action', 'resume', 2)
  await reach(one, 2, 3, 3)
  await replay('action-terminate-hard')
  await reach(one, 2, 6)
  await replay('vm-info-done', 'updateconf-done')
  await tell(one, 'one.vm.action', 'stop', 3)
  await reach(one, 3, 4)
  await replay('recover-delete')
  await tell(one, 'one.template.instantiate', 0, 'p')
  await replay('recover-wrong-state')
  await tell(one, 'one.vm.action', 'undeploy', 5)
  await reach(one, 5, 9)
  await tell(one, 'one.vm.action', 'terminate', 7)
  await reach(one, 7, 6)
  await tell(one, 'one.vm.action', 'terminate', 11)
  await replay('vmpool-all-including-done')

  await replay('instantiate-denied', 'allocate-restricted-files', 'vm-info-denied')
  await alice(one, 'CONTEXT=[ USER_DATA="x@^_^@FILES=/etc/passwd" ]')
  await tell(one, 'one.vm.deploy', 13, 0, false, 101, '')
  await reach(one, 13, 3, 36)
  await replay('vm-info-context-failure')
  one.setTemplateMode(0, '604')
  one.setTemplateMode(1, '604')
  await replay('instantiate-network-by-name-of-other-owner')
  await alice(one, '')
  await replay('recover-delete-denied-to-owner', 'instantiate-restricted-dropped')
  await alice(one, '')
  one.setQuota(2, 3)
  await replay('instantiate-quota-exceeded', 'instantiate-name-invalid-char', 'fault-non-bmp-character')
  for (const name of ['x', 'y', 'z']) await tell(one, 'one.template.instantiate', 0, name)
  await tell(
    one,
    'one.vm.allocate',
    '<VM><CPU>1</CPU><MEMORY>64</MEMORY><CONTEXT><A>&#128512;</A></CONTEXT></VM>',
    false,
  )
  await replay('vm-info-non-bmp')
  one.addNetwork({ name: 'private', range: { first: '192.0.2.100', size: 10 } })
  one.addNetwork({
    name: 'dual',
    range: { first: '198.51.100.10', size: 10, globalPrefix: '2001:db8::', ulaPrefix: 'fd00:1::' },
  })
  const nics =
    '<T><NIC><NETWORK>private</NETWORK></NIC><NIC><NETWORK>public</NETWORK></NIC><NIC><NETWORK>dual</NETWORK></NIC>' +
    '<NIC_ALIAS><NETWORK>public</NETWORK><PARENT>NIC1</PARENT></NIC_ALIAS></T>'
  await tell(one, 'one.template.instantiate', 0, 'nics', false, nics)
  await replay('vmpool-three-nics-and-alias')

  const files = await readdir(TESTDATA)
  const all = files
    .filter((file) => /\.(?:req\.xml|context\.sh)$/.test(file))
    .map((file) => file.replace(/\.(?:req\.xml|sh)$/, ''))
  assert.deepEqual([...replayed].toSorted(), all.toSorted())
})

function contentOf({ label, files }: ReturnType<typeof DISKS.iso.read>): object {
  return { label, files: [...files].map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)]) }
}

function addSite(one: OpenNebula): void {
  one.addUser({ name: 'alice', password: 'wonderland' })
  one.addImage({ name: 'ttylinux', path: '/srv/images/ttylinux.img', template: 'DEV_PREFIX="sd"' })
  one.addImage({ name: 'myinit.sh', type: 5 })
  const network = { BRIDGE: 'vbr0', BRIDGE_TYPE: 'linux', OUTER_VLAN_ID: '', PHYDEV: '', SECURITY_GROUPS: '0', VLAN_ID: '', VN_MAD: 'dummy' } // prettier-ignore
  const given = { DNS: '192.0.2.53 192.0.2.54', GATEWAY: '192.0.2.1', NETWORK_ADDRESS: '192.0.2.0', NETWORK_MASK: '255.255.255.0' } // prettier-ignore
  const template = Object.entries({ ...network, ...given })
    .map(([key, value]) => `${key}="${value}"`)
    .join('\n')
  one.addNetwork({ name: 'public', template, range: { first: '192.0.2.100', size: 50 } })
  one.addTemplate({
    name: 'ttylinux-ctx',
    template:
      'CPU=0.1 VCPU=1 MEMORY=64 DISK=[ IMAGE="ttylinux" ] NIC=[ NETWORK="public" ] CONTEXT=[ NETWORK="YES", SSH_PUBLIC_KEY="$USER[SSH_PUBLIC_KEY]" ]',
  })
}

/** The account that may little makes a VM. */
async function alice(one: OpenNebula, context: string): Promise<void> {
  const body = `<methodCall><methodName>one.vm.allocate</methodName><params><param><value>${ALICE}</value></param><param><value>CPU=1 MEMORY=64 ${context}</value></param><param><value><boolean>0</boolean></value></param></params></methodCall>`
  const { elements, text } = await post(one.url, body)
  assert.equal(elements[0], '1', text)
}

/** What no two runs share: times, UUIDs, secrets, numbers of requests, and line numbers that the front end makes up. */
function normalised(answer: string): string {
  return answer
    .replaceAll(/\b1[789]\d{8}\b/g, 'TIME')
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?=\]\]&gt;&lt;\/UUID)/g, 'UUID')
    .replaceAll(/\w{3} \w{3} \d\d \d\d:\d\d:\d\d \d{4}: /g, 'DATE: ')
    .replaceAll(/(REQUEST_ID&gt;)\d+/g, '$1N')
    .replaceAll(/\b[\da-f]{64}\b/g, 'SECRET')
    .replaceAll(/(PASSWORD&gt;&lt;!\[CDATA\[)[\w+/=-]+/g, '$1SECRET')
    .replaceAll(/at line -?\d+/g, 'at line N')
    .replaceAll(/\d+(?=-byte supposed UTF-8 string)/g, 'N')
}
