import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseContextSh } from '../../src/formats/context-sh.ts'
import { isVariableName } from '../../src/layouts/context-sh-variables.ts'
import { opennebula } from '../../src/layouts/opennebula.ts'
import { sha256 } from '../../src/model/digest.ts'
import { isCloudError } from '../../src/model/errors.ts'
import type { OpenNebulaOptions } from '../../src/providers/opennebula/index.ts'
import { openRig, soon } from './opennebula-rig.ts'
import { call, rejects } from './provider-calls.ts'

describe('a VM of OpenNebula', () => {
  it("reads the user's data byte for byte, beside what its template says", async (t) => {
    const { one, made, read } = await openRig(t)
    const userData = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff))
    const id = await made({ userData, hostname: 'web1' })
    const context = await opennebula.read((path) => Promise.resolve(one.diskOf(id)?.get(path)))
    assert.equal(sha256(context?.userData ?? Buffer.of()), sha256(userData))
    assert.equal(context?.hostname, 'web1')
    const all = read(id)
    assert.equal(all.get('SITE'), 'here')
    assert.equal(all.get('SSH_PUBLIC_KEY'), 'ssh-rsa AAAA site')
    assert.equal(all.get('PASSWORD'), 's3cret')
    assert.equal(all.get('ETH0_IP'), '192.0.2.10')
    assert.ok(one.diskOf(id)?.has('init.sh'))
  })

  it('reads every variable as it was given, or is not made', async (t) => {
    const { one, provider, request } = await openRig(t, {}, { delays: { pendingMs: 0 } })
    const fit = fc.constantFrom(
      '$',
      '${X}',
      '$(id)',
      '$HOME',
      '`id`',
      "'",
      '"',
      '\\',
      '\n',
      '\t',
      ' ',
      'a=b',
      '[',
      ',',
      'é☃',
    )
    const unfit = fc.oneof(fc.constantFrom('@^_^@', ']]>', '\r'), fc.string({ unit: 'binary', minLength: 1 }))
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 6 })
    const part = fc.oneof(
      { weight: 9, arbitrary: fit },
      { weight: 9, arbitrary: text },
      { weight: 1, arbitrary: unfit },
    )
    const value = fc.array(part, { minLength: 1, maxLength: 6 })
    const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/).filter(isVariableName)
    const variables = fc.dictionary(
      name,
      value.map((parts) => parts.join('')),
      { maxKeys: 4 },
    )
    let [whole, refused] = [0, 0]
    await fc.assert(
      fc.asyncProperty(variables, async (given) => {
        try {
          const { remoteId } = await provider.create(request({ variables: given }), call())
          await soon('it has a disk', () => one.contextOf(Number(remoteId)) !== undefined)
          const all = parseContextSh(one.contextOf(Number(remoteId)) ?? '')
          for (const [key, text] of Object.entries(given)) assert.equal(all.get(key), text)
          whole += 1
        } catch (error) {
          if (!isCloudError(error, 'invalid')) throw error
          refused += 1
        }
      }),
      { numRuns: 80 },
    )
    assert.ok(whole > 0 && refused > 0, `${whole} were made, ${refused} refused`)
    assert.equal(one.vms().length, whole, 'what was refused was not made')
  })

  it('has the size that was asked for, or what its template says', async (t) => {
    const { provider, made, one } = await openRig(t, { sizes: [{ id: 'wide', cores: 8, memoryMiB: 1024, cpu: 0.25 }] })
    const sizes = await provider.sizes(call())
    assert.deepEqual(
      sizes.map(({ name, cores, memoryMiB }) => [name, cores, memoryMiB]),
      [
        ['one-wide', 8, 1024],
        ['one-template-0', 2, 512],
      ],
    )
    const capacityOf = (id: number) =>
      ['CPU', 'VCPU', 'MEMORY'].map((key) => one.vms()[id]?.template.find(({ name }) => name === key)?.value)
    const [wide] = sizes
    assert.deepEqual(capacityOf(await made({}, wide ? { size: wide } : {})), ['0.25', '8', '1024'])
    assert.deepEqual(capacityOf(await made()), ['0.5', '2', '512'])
  })

  it('is on the networks that it is linked to, beside those of its template', async (t) => {
    const { provider, made, request } = await openRig(t)
    const networks = [
      { linkId: randomUUID(), networkRemoteId: '1' },
      { linkId: randomUUID(), networkRemoteId: '1', address: '198.51.100.77' },
    ]
    const id = await made({}, { networks })
    const { network, attached = [] } = await provider.get(String(id), call())
    assert.deepEqual(
      network?.nics.map(({ addresses }) => addresses.map(({ address, networkId }) => [networkId, address])),
      [[['0', '192.0.2.10']], [['1', '198.51.100.10']], [['1', '198.51.100.77']]],
    )
    assert.deepEqual(
      attached.map(({ linkId, address, mac }) => [linkId, address, mac]),
      networks.map(({ linkId }, index) => [
        linkId,
        ['198.51.100.10', '198.51.100.77'][index],
        network?.nics[index + 1]?.mac,
      ]),
    )
    const [link] = networks
    assert.ok(link)
    assert.deepEqual(await provider.networks?.attach(String(id), link, call()), attached[0])
    const other = { linkId: randomUUID(), networkRemoteId: '1' }
    // For administrators alone.
    const chosen = { ...other, mac: '02:00:00:00:00:07' }
    await rejects(provider.create(request({}, { networks: [chosen] }), call()), 'forbidden')
    await rejects(provider.networks?.create({ id: randomUUID() }, call()) ?? Promise.resolve(), 'unsupported')
  })

  it('is told apart by its attribute and a label beside those of its template', async (t) => {
    const { one, provider, made, request } = await openRig(t)
    const { id } = request()
    const vm = one.vms()[await made({ name: 'a/b "c" \u{1F600}@^_^@' }, { id })]
    assert.equal(vm?.name, 'a-b -c-  -')
    const own = new Map(vm.userTemplate.map(({ name, value }) => [name, value]))
    assert.deepEqual([own.get('BELLHOP_ID'), own.get('LABELS')], [id, `linux,bellhop-${id}`])
    assert.deepEqual(
      (await provider.list(call())).map(({ ourId }) => ourId),
      [id],
    )
  })

  it('runs a script at its start only where the site says that its image needs it', async (t) => {
    const userData = Buffer.from('#!/bin/sh\n')
    const script = async (options: Partial<OpenNebulaOptions>) => {
      const { made, read } = await openRig(t, options)
      return read(await made({ userData })).get('START_SCRIPT_BASE64')
    }
    assert.equal(await script({ startScripts: ['0'] }), userData.toString('base64'))
    assert.equal(await script({ startScripts: ['1'] }), undefined)
  })

  it('is not made with what its guest would not get', async (t) => {
    const { one, provider, request } = await openRig(t, { userDataMaxBytes: 10 })
    const file = { path: '/etc/motd', bytes: Buffer.from('hello') }
    await rejects(provider.create(request({ files: [file] }), call()), 'too-large')
    await rejects(provider.create(request({ userData: Buffer.alloc(11) }), call()), 'too-large')
    await rejects(provider.create(request({ variables: { 'no-name': 'x' } }), call()), 'invalid')
    assert.equal(one.vms().length, 0)
  })
})
