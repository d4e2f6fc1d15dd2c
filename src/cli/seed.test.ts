import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readContextDisk, type ContextDisk } from '../deliveries/disk.ts'
import { GUEST_DISKS } from '../layouts/guest-disks.ts'
import { sha256 } from '../model/digest.ts'
import { seedCommand } from './seed.ts'

const folder = mkdtempSync(join(tmpdir(), 'bellhop-seed-'))
after(() => rmSync(folder, { recursive: true }))

const USER_DATA = '#!/bin/sh\necho grüß dich\n'

async function seeded(...options: readonly string[]): Promise<ContextDisk> {
  const [data, image] = [join(folder, 'data'), join(folder, 'image')]
  writeFileSync(data, USER_DATA)
  await seedCommand().parseAsync(['--user-data', data, '-o', image, ...options], { from: 'user' })
  return readContextDisk(readFileSync(image))
}

describe('a seed for a kind of guest', () => {
  for (const [guest, { layouts, label, format }] of Object.entries(GUEST_DISKS))
    it(`is laid out, labelled and formatted for it, with one user data in all copies: ${guest}`, async () => {
      const disk = await seeded('--for', guest)
      assert.deepEqual([disk.label, disk.format], [label, format])
      for (const name of layouts) assert.ok(Object.hasOwn(disk.contexts, name), name)
      for (const [name, { userData }] of Object.entries(disk.contexts))
        assert.equal(sha256(userData ?? new Uint8Array()), sha256(Buffer.from(USER_DATA, 'utf8')), name)
    })

  it('differs for guests of one tree by the label alone', async () => {
    const [one, other] = [await seeded('--for', 'one-context'), await seeded('--for', 'cloud-init')]
    assert.deepEqual([one.label, other.label], ['CONTEXT', 'config-2'])
    assert.deepEqual([...one.files], [...other.files])
  })

  it('has what else is said in place of what the guest needs, and with other layouts their label', async () => {
    const said = await seeded('--for', 'stratuslab', '--label', 'CIDATA')
    assert.deepEqual([said.label, said.format], ['CIDATA', 'vfat'])
    const others = await seeded('--for', 'stratuslab', '--layout', 'nocloud', '--format', 'iso')
    assert.deepEqual([others.label, others.format, Object.keys(others.contexts)], ['cidata', 'iso', ['nocloud']])
  })

  it('without a guest is what serves most', async () => {
    const disk = await seeded()
    assert.deepEqual([disk.label, disk.format], ['config-2', 'iso'])
    assert.deepEqual(Object.keys(disk.contexts), ['openstack', 'nocloud', 'ec2'])
  })
})
