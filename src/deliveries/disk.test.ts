import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { DISKS, type DiskFormat } from '../disks/index.ts'
import { DISK_LAYOUTS } from '../layouts/index.ts'
import type { Context } from '../model/context.ts'
import { isCloudError } from '../model/errors.ts'
import { textFile } from '../model/files.ts'
import { readContextDisk, unite, writeContextDisk } from './disk.ts'

const FORMATS = Object.keys(DISKS) as DiskFormat[]
const NAMES = Object.keys(DISK_LAYOUTS)

/** Those that take user data of any bytes; StratusLab's has them as a text. */
const OF_BYTES = NAMES.filter((name) => name !== 'stratuslab')

/** Disks of one layout that are also one of another: who reads the other finds the same there. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  hepix: ['opennebula'],
  'stratuslab-one': ['opennebula', 'hepix'],
}

const context: Context = {
  guestId: '4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11',
  hostname: 'web-1.example.org',
  facts: { name: 'web 1', launchIndex: 0 },
  userData: Buffer.from('#!/bin/sh\necho hello\n'),
  publicKeys: [
    { name: 'jane', text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane' },
  ],
  variables: {},
  files: [],
}

const contexts: fc.Arbitrary<Context> = fc.record({
  guestId: fc.uuid(),
  hostname: fc.constantFrom('a', 'web-1.example.org'),
  facts: fc.constant(context.facts),
  userData: fc.uint8Array({ maxLength: 5000 }),
  publicKeys: fc.constantFrom([], context.publicKeys),
  variables: fc.constant({}),
  files: fc.constant([]),
})

for (const format of FORMATS)
  describe(`a context's disk: ${format}`, () => {
    it('tells what each layout tells, of every context', async () => {
      await fc.assert(
        fc.asyncProperty(contexts, fc.shuffledSubarray(OF_BYTES, { minLength: 1 }), async (context, layouts) => {
          const disk = await readContextDisk(writeContextDisk(context, { layouts, format, label: 'config-2' }))
          assert.equal(disk.format, format)
          assert.equal(disk.label, 'config-2')
          const found = new Set([...layouts, ...layouts.flatMap((name) => ALSO[name] ?? [])])
          assert.deepEqual(new Set(Object.keys(disk.contexts)), found)
          for (const name of layouts) {
            const files = DISK_LAYOUTS[name]?.render(context)
            const expected = await DISK_LAYOUTS[name]?.read((path) => Promise.resolve(files?.get(path)?.bytes))
            assert.deepEqual(plain(disk.contexts[name]), plain(expected), name)
          }
        }),
        { numRuns: 60 },
      )
    })

    it('has the label of the first layout that has one', async () => {
      for (const layouts of [NAMES, NAMES.toReversed()]) {
        const expected = layouts.map((name) => DISK_LAYOUTS[name]?.volumeLabel).find((label) => label !== undefined)
        const disk = await readContextDisk(writeContextDisk(context, { layouts, format }))
        assert.equal(disk.label, expected)
      }
    })

    it('is the same bytes for the same context', () => {
      const write = () => Buffer.from(writeContextDisk(structuredClone(context), { layouts: NAMES, format }))
      assert.ok(write().equals(write()))
    })

    it('has the user data byte for byte', async () => {
      const userData = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      const disk = await readContextDisk(writeContextDisk({ ...context, userData }, { layouts: OF_BYTES, format }))
      for (const name of OF_BYTES) assert.ok(userData.equals(disk.contexts[name]?.userData ?? Buffer.alloc(0)), name)
    })

    it('refuses a layout that there is not, and names those that there are', () => {
      for (const unknown of ['nosuch', 'constructor', ''])
        assert.throws(
          () => writeContextDisk(context, { layouts: ['openstack', unknown], format }),
          (error) => isCloudError(error, 'invalid') && NAMES.every((name) => error.message.includes(name)),
        )
    })

    it('refuses to have no layout and so no label', () => {
      assert.throws(
        () => writeContextDisk(context, { layouts: [], format }),
        (error) => isCloudError(error, 'invalid') && error.message.startsWith('label: '),
      )
    })
  })

describe('several trees on one disk', () => {
  it('may have the same file twice, and the first stands', () => {
    const files = unite([
      { name: 'a', files: new Map([['x', textFile('same', { mode: 0o600 })]]) },
      {
        name: 'b',
        files: new Map([
          ['x', textFile('same')],
          ['y', textFile('y')],
          ['dir/', textFile('listing')],
        ]),
      },
    ])
    assert.deepEqual([...files.keys()], ['x', 'y'])
    assert.equal(files.get('x')?.mode, 0o600)
  })

  it('may not want different bytes under one path', () => {
    const trees = [
      { name: 'first', files: new Map([['x/y', textFile('1')]]) },
      { name: 'second', files: new Map([['x/y', textFile('2')]]) },
    ]
    assert.throws(
      () => unite(trees),
      (error) => isCloudError(error, 'conflict') && /first and second .* "x\/y"/.test(error.message),
    )
  })
})

describe("another's disk", () => {
  it('is understood: the config drive that Nova makes', async () => {
    const recorded = new URL('../disks/iso9660/testdata/nova-config-drive.iso.gz', import.meta.url)
    const disk = await readContextDisk(gunzipSync(readFileSync(recorded)))
    assert.deepEqual([disk.format, disk.label], ['iso', 'config-2'])
    assert.deepEqual(Object.keys(disk.contexts).toSorted(), ['ec2', 'openstack'])
    const userData = disk.files.get('openstack/latest/user_data')?.bytes ?? Buffer.alloc(0)
    assert.equal(userData.length, 46)
    for (const name of ['ec2', 'openstack'])
      assert.ok(Buffer.from(userData).equals(disk.contexts[name]?.userData ?? Buffer.alloc(0)), name)
  })

  it('that is none is refused', async () => {
    await assert.rejects(readContextDisk(Buffer.from('#cloud-config\n')), (error) => isCloudError(error, 'invalid'))
  })
})

// Views of an image and bytes of their own are the same to us, but not to deepEqual.
function plain(context: Partial<Context> | undefined): Partial<Context> | undefined {
  if (context === undefined) return undefined
  const { userData, vendorData, ...others } = context
  return {
    ...others,
    ...(userData === undefined ? {} : { userData: Uint8Array.from(userData) }),
    ...(vendorData === undefined ? {} : { vendorData: Uint8Array.from(vendorData) }),
  }
}
