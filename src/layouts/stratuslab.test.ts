import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { DISKS } from '../disks/index.ts'
import type { Context } from '../model/context.ts'
import { isCloudError } from '../model/errors.ts'
import { stratuslab } from './stratuslab.ts'

const CONTEXT: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  facts: { launchIndex: 0 },
  userData: Buffer.from('#!/bin/sh\necho grüß dich\n'),
  publicKeys: [{ name: 'jane', text: 'ssh-rsa AAAAB3 jane@example.org' }],
  variables: {},
  files: [],
}

/** As gzip begins. */
const GZIP = Buffer.of(0x1f, 0x8b, 0x08, 0x00)

describe("StratusLab's cloud-init disk", () => {
  it('has the keys and the instance id where current cloud-init reads them too, and waits for the network', () => {
    const files = stratuslab.render(CONTEXT)
    const text = (path: string) => Buffer.from(files.get(path)?.bytes ?? []).toString('utf8')
    assert.deepEqual(JSON.parse(text('meta.js')), {
      'user-data': '#!/bin/sh\necho grüß dich\n',
      dsmode: 'net',
      'public-keys': 'ssh-rsa AAAAB3 jane@example.org\n',
      'instance-id': '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
    })
    assert.equal(text('root/.ssh/authorized_keys'), 'ssh-rsa AAAAB3 jane@example.org\n')
  })

  it('refuses user data that are no text, as JSON would change them', () => {
    assert.throws(
      () => stratuslab.render({ ...CONTEXT, userData: GZIP }),
      (error) => isCloudError(error, 'invalid') && error.message.startsWith('userData: is not UTF-8 (4 bytes)'),
    )
  })

  it("is understood where StratusLab's own front end made it", async () => {
    const image = gunzipSync(
      readFileSync(new URL('testdata/opennebula/stratuslab-cloud-init.vfat.gz', import.meta.url)),
    )
    const { label, files } = DISKS.vfat.read(image)
    assert.equal(label, stratuslab.volumeLabel)
    const said = await stratuslab.read(async (path) => files.get(path)?.bytes)
    assert.match(Buffer.from(said?.userData ?? []).toString('utf8'), /^Content-Type: multipart\/mixed/)
    assert.deepEqual(said?.publicKeys, [{ name: 'key-0', text: 'ssh-rsa AAAAB3 jane@example.org' }])
    assert.equal(said?.guestId, undefined)
  })
})
