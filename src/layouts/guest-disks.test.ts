import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import type { Context } from '../model/context.ts'
import { GUEST_DISKS } from './guest-disks.ts'
import { DISK_LAYOUTS } from './index.ts'

const WITHOUT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1',
  facts: { launchIndex: 0 },
  publicKeys: [],
  variables: {},
  files: [],
}

for (const [guest, { layouts }] of Object.entries(GUEST_DISKS))
  describe(`a guest's disk: ${guest}`, () => {
    it('has no word of user data where there are none, but for the empty file that NoCloud must have', () => {
      for (const name of layouts)
        for (const [path, { bytes }] of DISK_LAYOUTS[name]?.render(WITHOUT) ?? assert.fail(name)) {
          assert.ok(path === 'user-data' ? bytes.length === 0 : !/user[-_]data$/.test(path), path)
          assert.doesNotMatch(Buffer.from(bytes).toString('utf8'), /user[-_]?data/i, path)
        }
    })
  })
