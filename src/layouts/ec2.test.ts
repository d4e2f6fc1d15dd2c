import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import type { Context } from '../model/context.ts'
import { listing } from '../model/files.ts'
import { ec2Drive } from './ec2-drive.ts'
import { ec2 } from './ec2.ts'

const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1',
  facts: { launchIndex: 2, imageName: 'demo', region: 'r1', zone: 'r1a', securityGroups: ['default', 'web'] },
  publicKeys: [
    { name: 'jane', text: 'ssh-ed25519 AAAA jane' },
    { name: 'joe', text: 'ssh-ed25519 BBBB joe' },
  ],
  variables: {},
  files: [],
}

const served = (context: Context, path: string): string | undefined => {
  const files = ec2.render(context)
  const bytes = files.get(path)?.bytes ?? listing(files, path)
  return bytes && Buffer.from(bytes).toString('utf8')
}

describe('the EC2 layout', () => {
  it('takes any date, and `ec2/` before it, for its one tree', () => {
    for (const path of [
      'latest/user-data',
      '2009-04-04/user-data',
      '1.0/user-data',
      '2031-12-31/user-data',
      'ec2/latest/user-data',
    ])
      assert.equal(ec2.canonical?.(path), 'latest/user-data')
    assert.equal(ec2.canonical?.('2009-04-04'), 'latest')
    assert.equal(ec2.canonical?.('ec2'), '')
    for (const path of ['user-data', 'latestx/user-data', '2009-4-4/user-data', 'openstack/latest', 'ec2/openstack'])
      assert.equal(ec2.canonical?.(path), undefined, path)
  })

  it('has in an old version what Nova has there, and all in a date that only Amazon knows', () => {
    const meant = (path: string): string => served(CONTEXT, ec2.canonical?.(path) ?? 'nowhere') ?? 'nothing'
    assert.equal(
      meant('ec2/2007-03-01/meta-data'),
      [
        'ami-id',
        'ami-launch-index',
        'ami-manifest-path',
        'hostname',
        'instance-id',
        'local-hostname',
        'public-hostname',
        'public-ipv4',
        'public-keys/',
        'reservation-id',
        'security-groups',
      ].join('\n'),
    )
    assert.equal(meant('2008-02-01/meta-data/placement/availability-zone'), 'r1a')
    for (const path of ['placement/availability-zone', 'placement', 'instance-action', 'constructor'])
      assert.equal(meant(`2007-12-15/meta-data/${path}`), 'nothing', path)
    for (const version of ['2008-09-01', '2009-04-04', '2007-12-16', '2021-03-23'])
      assert.equal(meant(`${version}/meta-data`), meant('latest/meta-data'), version)
  })

  it('lists keys by number and name, and has each at its number', () => {
    assert.equal(served(CONTEXT, 'latest/meta-data/public-keys'), '0=jane\n1=joe')
    assert.equal(served(CONTEXT, 'latest/meta-data/public-keys/1'), 'openssh-key')
    assert.equal(served(CONTEXT, 'latest/meta-data/public-keys/1/openssh-key'), 'ssh-ed25519 BBBB joe')
    assert.equal(ec2.render(CONTEXT).get('latest/meta-data/public-keys/1/openssh-key')?.role, 'keys')
    assert.equal(served({ ...CONTEXT, publicKeys: [] }, 'latest/meta-data/public-keys'), undefined)
  })

  it('has numbers and lists as text', () => {
    assert.equal(served(CONTEXT, 'latest/meta-data/ami-launch-index'), '2')
    assert.equal(served(CONTEXT, 'latest/meta-data/security-groups'), 'default\nweb')
  })

  it("mints ids that begin as Amazon's do, and stay", () => {
    const id = served(CONTEXT, 'latest/meta-data/instance-id') ?? ''
    assert.match(id, /^i-[0-9a-f]{17}$/)
    assert.equal(served({ ...CONTEXT, hostname: 'other' }, 'latest/meta-data/instance-id'), id)
    assert.notEqual(served({ ...CONTEXT, guestId: 'other' }, 'latest/meta-data/instance-id'), id)
    assert.match(served(CONTEXT, 'latest/meta-data/ami-id') ?? '', /^ami-[0-9a-f]{17}$/)
    const ours = { ...CONTEXT, facts: { ...CONTEXT.facts, ec2: { instanceId: 'i-1' } } }
    assert.equal(served(ours, 'latest/meta-data/instance-id'), 'i-1')
  })

  it("has the identity document that Amazon's images ask for", () => {
    assert.equal(served(CONTEXT, 'latest/dynamic/instance-identity'), 'document')
    const document = JSON.parse(served(CONTEXT, 'latest/dynamic/instance-identity/document') ?? '') as object
    assert.deepEqual(document, {
      instanceId: served(CONTEXT, 'latest/meta-data/instance-id'),
      imageId: served(CONTEXT, 'latest/meta-data/ami-id'),
      region: 'r1',
      availabilityZone: 'r1a',
    })
  })

  it('has empty user data as a file, and none where there are none', () => {
    assert.equal(served(CONTEXT, 'latest/user-data'), undefined)
    assert.equal(served({ ...CONTEXT, userData: new Uint8Array() }, 'latest/user-data'), '')
    assert.equal(ec2Drive.render(CONTEXT).has('ec2/latest/user-data'), false)
  })
})
