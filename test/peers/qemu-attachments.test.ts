import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { isCloudError } from '../../src/model/errors.ts'
import type { Image } from '../../src/model/instance.ts'
import type { CreateRequest, Provider, SaveRequest } from '../../src/providers/provider.ts'
import { buildDemoGuest } from '../../src/providers/qemu/demo-guest/build.ts'
import { qemuProvider } from '../../src/providers/qemu/index.ts'
import { qemuImg } from '../../src/providers/qemu/qemu-img.ts'
import { call, needQemu, openQemu, requestFor, serveMetadata, untilEnded, untilSays } from './demo-guest.ts'

const MIB = 1024 ** 2

describe('what QEMU guests are joined to', () => {
  it('a volume there from the boot keeps what the guest writes, and the next guest reads it', async (t) => {
    if (!needQemu(t)) return
    const { provider, stateDir } = await openQemu(t)
    const volume = await newVolume(provider)
    const link = { linkId: randomUUID(), volumeRemoteId: volume }
    const first = await bootWith(t, provider, `echo "kept: here" >/dev/vda && sync`, { volumes: [link] })
    await untilEnded(provider, first)
    assert.equal((await provider.get(first, call())).attached?.[0]?.device, 'vda')
    await provider.delete(first, call())
    assert.match(await readDisk(stateDir, volume), /^kept: here\n/)

    const script = 'head -n 1 /dev/vda; ls /dev/disk/by-id 2>/dev/null; cat /sys/block/vda/serial'
    const next = await bootWith(t, provider, script, { volumes: [{ ...link, linkId: randomUUID() }] })
    const { text } = await untilEnded(provider, next)
    assert.match(text, /^user-data: kept: here\r?$/m)
    assert.ok(text.includes(`user-data: ${volume.replaceAll('-', '').slice(0, 20)}`), 'the serial number tells which')
  })

  it('a volume comes to a guest that runs, grows under it, and goes with what was written', async (t) => {
    if (!needQemu(t)) return
    const { provider, stateDir } = await openQemu(t)
    const { volumes } = provider
    assert.ok(volumes)
    const volume = await newVolume(provider)
    const script = `
echo waiting
until [ -b /dev/vda ]; do sleep 0.2; done
echo "written while it ran" >/dev/vda && sync && echo written
until [ "$(cat /sys/block/vda/size)" = 65536 ]; do sleep 0.2; done
echo grown
while [ -b /dev/vda ]; do sleep 0.2; done
echo let go`
    const id = await bootWith(t, provider, script)
    await untilSays(provider, id, /user-data: waiting/)
    const link = { linkId: randomUUID(), volumeRemoteId: volume }
    const attached = await volumes.attach(id, link, call())
    assert.deepEqual(attached, { linkId: link.linkId, device: 'vda' })
    await untilSays(provider, id, /user-data: written/)
    await assert.rejects(volumes.act(volume, 'snapshot', call()), (error) => isCloudError(error, 'conflict'))
    await volumes.act(volume, 'resize', call(), 32 * MIB)
    await untilSays(provider, id, /user-data: grown/)
    assert.equal((await volumes.get(volume, call())).sizeBytes, 32 * MIB)
    await volumes.detach(id, link, call())
    await untilSays(provider, id, /user-data: let go/)
    assert.match(await readDisk(stateDir, volume), /^written while it ran\n/)
    await volumes.act(volume, 'snapshot', call())
    assert.match(await qemuImg(['snapshot', '-l', diskOf(stateDir, volume)]), /\d{4}-\d\d-\d\dT/)
  })

  it('a volume that was taken out is free at once, whatever the guest was at', async (t) => {
    if (!needQemu(t)) return
    const { provider } = await openQemu(t)
    const { volumes } = provider
    assert.ok(volumes)
    const volume = await newVolume(provider)
    const id = await bootWith(t, provider, 'echo up')
    for (const method of ['warm', 'cold', 'warm']) {
      const link = { linkId: randomUUID(), volumeRemoteId: volume }
      await volumes.attach(id, link, call())
      await provider.act(id, 'restart', call(), method)
      await volumes.detach(id, link, call())
      await volumes.act(volume, 'snapshot', call())
    }
  })

  it('a guest that is paused does not let go of a volume, and then still has it', async (t) => {
    if (!needQemu(t)) return
    const { provider } = await openQemu(t)
    const { volumes } = provider
    assert.ok(volumes)
    const volume = await newVolume(provider)
    const link = { linkId: randomUUID(), volumeRemoteId: volume }
    const id = await bootWith(t, provider, 'echo up', { volumes: [link] })
    await untilEnded(provider, id)
    await provider.act(id, 'suspend', call())
    await assert.rejects(
      volumes.detach(id, link, call()),
      (error) => isCloudError(error, 'conflict') && /let go/.test(error.message),
    )
    assert.equal((await provider.get(id, call())).attached?.length, 1)
    await provider.act(id, 'resume', call())
    await volumes.detach(id, link, call())
    assert.deepEqual((await provider.get(id, call())).attached, [])
  })

  it('two guests on one network of their own hear each other, until it is brought down, and none beside', async (t) => {
    if (!needQemu(t)) return
    const { provider } = await openQemu(t)
    const { networks } = provider
    assert.ok(networks)
    const [network, other] = [randomUUID(), randomUUID()]
    for (const id of [network, other]) await networks.create({ id, cidr: '192.0.2.0/24' }, call())
    const on = (networkRemoteId: string, address: string) => ({
      networks: [{ linkId: randomUUID(), networkRemoteId, address, prefixLength: 24 }],
    })
    const up = (address: string) =>
      `ip link set eth1 up && ip addr add ${address}/24 dev eth1 && echo "up ${address}"\n`
    const listener = await bootWith(t, provider, up('192.0.2.1'), on(network, '192.0.2.1'))
    await untilEnded(provider, listener)
    const ping = 'ping -c 1 -W 2 192.0.2.1 >/dev/null 2>&1'
    const stranger = await bootWith(
      t,
      provider,
      `${up('192.0.2.3')}${ping} && echo heard || echo nothing`,
      on(other, '192.0.2.3'),
    )
    const speaker = await bootWith(
      t,
      provider,
      `${up('192.0.2.2')}until ${ping}; do sleep 0.2; done; echo heard
while ${ping}; do sleep 0.2; done; echo cut
until ${ping}; do sleep 0.2; done; echo again`,
      on(network, '192.0.2.2'),
    )
    await untilSays(provider, speaker, /user-data: heard/)
    assert.match((await untilEnded(provider, stranger)).text, /user-data: nothing/)
    await networks.act(network, 'down', call())
    await untilSays(provider, speaker, /user-data: cut/)
    await networks.act(network, 'up', call())
    await untilSays(provider, speaker, /user-data: again/)
  })

  it('a card comes to a guest that runs, with its MAC, and goes', async (t) => {
    if (!needQemu(t)) return
    const { provider } = await openQemu(t)
    const { networks } = provider
    assert.ok(networks)
    const network = randomUUID()
    await networks.create({ id: network }, call())
    const script = `echo waiting
until [ -e /sys/class/net/eth1 ]; do sleep 0.2; done
echo "mac $(cat /sys/class/net/eth1/address)"
while [ -e /sys/class/net/eth1 ]; do sleep 0.2; done
echo let go`
    const id = await bootWith(t, provider, script)
    await untilSays(provider, id, /user-data: waiting/)
    const link = { linkId: randomUUID(), networkRemoteId: network, mac: '52:54:00:0a:0b:0c' }
    assert.equal((await networks.attach(id, link, call())).device, 'eth1')
    await untilSays(provider, id, /user-data: mac 52:54:00:0a:0b:0c/)
    await networks.detach(id, link, call())
    await untilSays(provider, id, /user-data: let go/)
  })

  it('the card that every guest has can be linked, and not be taken away', async (t) => {
    if (!needQemu(t)) return
    const { provider } = await openQemu(t)
    const { networks } = provider
    const [shared] = (await networks?.shared(call())) ?? []
    assert.ok(networks && shared?.isFixed)
    const link = { linkId: randomUUID(), networkRemoteId: shared.remoteId }
    const id = await bootWith(t, provider, 'ip addr show dev eth0', { networks: [link] })
    const { attached: [card] = [] } = await provider.get(id, call())
    assert.deepEqual([card?.linkId, card?.device, card?.address], [link.linkId, 'eth0', '169.254.2.15'])
    const { text } = await untilEnded(provider, id)
    assert.ok(card?.mac !== undefined && text.includes(card.mac) && text.includes('169.254.2.15/16'))
    await assert.rejects(networks.detach(id, link, call()), (error) => isCloudError(error, 'unsupported'))
  })

  it('an image saved of a guest that runs starts others, and the guest goes on', async (t) => {
    if (!needQemu(t)) return
    const { provider: plain, folder, stateDir } = await openQemu(t)
    const bare = await bootWith(t, plain, 'echo up')
    const request = { id: randomUUID(), title: 'A guest, saved', project: 'p' }
    await assert.rejects(save(plain, bare, request), (error) => isCloudError(error, 'unsupported'))
    await plain.delete(bare, call())

    const path = await guestWithDisk(folder)
    const provider = qemuProvider({ stateDir, images: [{ path }], accel: 'tcg', stopGraceMs: 20_000 })
    const script = 'echo "kept: in the image" >/dev/vda; sync; while sleep 0.2; do echo tick; done'
    const id = await bootWith(t, provider, script)
    await untilSays(provider, id, /tick/)
    await assert.rejects(save(provider, id, { ...request, method: 'hot' }), (error) =>
      isCloudError(error, 'unsupported'),
    )
    const image = await save(provider, id, request)
    assert.deepEqual(await save(provider, id, request), image)
    assert.equal((await provider.get(id, call())).state, 'active')
    const { next } = (await provider.console?.(id, 0, call())) ?? { next: 0 }
    await untilSays(provider, id, /tick/, next)
    await provider.delete(id, call())

    const saved = (await provider.images(call())).find(({ project }) => project === 'p')
    assert.deepEqual(saved, image)
    const other = await bootWith(t, provider, 'head -n 1 /dev/vda', { image })
    assert.match((await untilEnded(provider, other)).text, /user-data: kept: in the image/)
    const deleting = async () => provider.deleteImage?.(image.remoteId, call())
    await assert.rejects(deleting, (error) => isCloudError(error, 'conflict') && error.message.includes(other))
    await provider.delete(other, call())
    await deleting()
    assert.deepEqual(await readdir(join(stateDir, 'saved')), [])
    assert.ok((await provider.images(call())).every(({ project }) => project === undefined))
  })
})

/** Starts a demo guest that runs this as its user data. @returns its id */
async function bootWith(
  t: TestContext,
  provider: Provider,
  script: string,
  change: Partial<CreateRequest> = {},
): Promise<string> {
  const files = { '/openstack/latest/meta_data.json': '{}', '/openstack/latest/user_data': `#!/bin/sh\n${script}\n` }
  const { socketPath } = await serveMetadata(t, files)
  const [image] = await provider.images(call())
  const [size] = await provider.sizes(call())
  assert.ok(image && size)
  const request = requestFor(randomUUID(), image, size, [{ method: 'metadata', socketPath }])
  return (await provider.create({ ...request, ...change }, call())).remoteId
}

async function save(provider: Provider, id: string, request: SaveRequest): Promise<Image> {
  const image = await provider.saveImage?.(id, request, call())
  assert.ok(image)
  return image
}

async function newVolume(provider: Provider): Promise<string> {
  const volume = await provider.volumes?.create({ id: randomUUID(), sizeBytes: 16 * MIB }, call())
  assert.ok(volume)
  return volume.remoteId
}

/** The demo guest with an empty disk of its own. */
async function guestWithDisk(folder: string): Promise<string> {
  const [path, guest] = [join(folder, 'with-disk'), await buildDemoGuest()]
  await mkdir(path)
  for (const name of ['kernel', 'initrd']) await symlink(join(guest, name), join(path, name))
  // It would look for data on its disks, too.
  const commandLine = (await readFile(join(guest, 'cmdline'), 'utf8')).trim()
  await writeFile(join(path, 'cmdline'), commandLine)
  await qemuImg(['create', '-q', '-f', 'qcow2', join(path, 'disk.qcow2'), '8M'])
  return path
}

function diskOf(stateDir: string, volume: string): string {
  return join(stateDir, 'volumes', volume, 'disk.qcow2')
}

/** The first sector of a volume that no machine has. */
async function readDisk(stateDir: string, volume: string): Promise<string> {
  const path = diskOf(stateDir, volume)
  await qemuImg(['dd', '-f', 'qcow2', '-O', 'raw', 'bs=512', 'count=1', `if=${path}`, `of=${path}.sector`])
  return await readFile(`${path}.sector`, 'latin1')
}
