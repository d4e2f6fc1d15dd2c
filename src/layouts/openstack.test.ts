import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import type { Context } from '../model/context.ts'
import { isCloudError } from '../model/errors.ts'
import { openstack, openstackDrive } from './openstack.ts'

const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  facts: { launchIndex: 0 },
  userData: Buffer.from('#!/bin/sh\n'),
  publicKeys: [],
  variables: {},
  files: [{ path: '/etc/motd', bytes: Buffer.from('hello\n'), mode: 0o600, owner: 'jane', group: 'adm' }],
}

const METADATA = 'openstack/latest/meta_data.json'

/** A drive that says this in its metadata, and has nothing else but one file's content. */
const drive = (metadata: string) => async (path: string) =>
  ({ [METADATA]: Buffer.from(metadata), 'openstack/content/0000': Buffer.from('x') })[path]

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8')

describe('the OpenStack layout', () => {
  it('knows every version of Nova by its own name, and no other', () => {
    for (const path of ['openstack', 'openstack/latest', 'openstack/2018-08-27/user_data', 'openstack/content/0000'])
      assert.equal(openstack.canonical?.(path), path)
    assert.equal(openstack.canonical?.('openstack/latest/version'), 'openstack/latest')
    for (const path of [
      '',
      'latest',
      'openstack/2019-01-01',
      'openstack/2019-01-01/user_data',
      'openstack/content',
      'open',
    ])
      assert.equal(openstack.canonical?.(path), undefined, path)
  })

  it('serves what came later in no earlier version, but for the network', () => {
    const files = openstack.render({ ...CONTEXT, network: { nics: [] } })
    assert.equal(files.has('openstack/2013-04-04/vendor_data.json'), false)
    assert.equal(files.has('openstack/2016-06-30/vendor_data2.json'), false)
    assert.equal(textOf(files.get('openstack/2012-08-10/network_data.json')?.bytes), '{}')
  })

  it("has no user data and no network where there are none: an empty network would switch the guest's off", () => {
    const { userData: _, ...bare } = CONTEXT
    const paths = [...openstackDrive.render(bare).keys()]
    assert.deepEqual(
      paths.filter((path) => /user_data|network_data/.test(path)),
      [],
    )
    assert.equal(
      openstackDrive.render({ ...bare, userData: Buffer.alloc(0) }).get('openstack/latest/user_data')?.bytes.length,
      0,
    )
  })

  it('gives vendor data as cloud-init reads them', () => {
    const files = openstackDrive.render({ ...CONTEXT, vendorData: Buffer.from('#cloud-config\n') })
    assert.equal(textOf(files.get('openstack/latest/vendor_data.json')?.bytes), '{"cloud-init": "#cloud-config\\n"}')
    assert.equal(files.get('openstack/latest/vendor_data.json')?.role, 'vendor-data')
    assert.equal(
      textOf(files.get('openstack/latest/vendor_data2.json')?.bytes),
      '{"static": {"cloud-init": "#cloud-config\\n"}}',
    )
  })

  it('has a random seed that is the same again for the same guest, and another for another', () => {
    const seedOf = (context: Context): unknown =>
      (JSON.parse(textOf(openstackDrive.render(context).get(METADATA)?.bytes)) as { random_seed?: string }).random_seed
    assert.equal(seedOf(CONTEXT), seedOf({ ...CONTEXT, variables: { a: 'b' } }))
    assert.notEqual(seedOf(CONTEXT), seedOf({ ...CONTEXT, guestId: 'another' }))
  })

  it('refuses what cloud-init would refuse, and paths that lead elsewhere', async () => {
    const file = (contentPath: string): string =>
      JSON.stringify({ uuid: 'i', files: [{ path: '/etc/motd', content_path: contentPath }] })
    assert.equal((await openstackDrive.read(drive(file('/content/0000'))))?.files?.length, 1)
    for (const metadata of [
      '{}',
      '[]',
      '{"uuid": 1}',
      file('/content/0001'),
      file('/content/../../etc/passwd'),
      file('content/0000'),
    ])
      await assert.rejects(openstackDrive.read(drive(metadata)), (error) => isCloudError(error, 'invalid'), metadata)
  })

  it('reads keys of metadata older than their list', async () => {
    const context = await openstackDrive.read(drive('{"uuid": "i", "public_keys": {"jane": "ssh-ed25519 AAAA\\n"}}'))
    assert.deepEqual(context?.publicKeys, [{ name: 'jane', text: 'ssh-ed25519 AAAA' }])
  })
})
