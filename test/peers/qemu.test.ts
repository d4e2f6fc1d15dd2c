import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256 } from '../../src/model/digest.ts'
import { isCloudError } from '../../src/model/errors.ts'
import { canRun } from '../../src/providers/qemu/accel.ts'
import { buildDemoGuest } from '../../src/providers/qemu/demo-guest/build.ts'
import { qemuProvider } from '../../src/providers/qemu/index.ts'
import { testProvider } from '../conformance/provider.ts'
import {
  boot,
  call,
  needQemu,
  openQemu,
  PATIENCE_MS,
  processesWith,
  requestFor,
  serveMetadata,
  untilEnded,
  untilSays,
  untilTrue,
} from './demo-guest.ts'

const SCRIPT = '#!/bin/sh\necho booted\n'
const METADATA = { '/openstack/latest/meta_data.json': '{}', '/openstack/latest/user_data': SCRIPT }

describe('QEMU provider', async () => {
  await it('keeps what every provider promises', async (t) => {
    if (!needQemu(t)) return
    await buildDemoGuest()
    testProvider({
      name: 'qemu',
      open: async () => {
        const stateDir = await mkdtemp(join(tmpdir(), 'bellhop-qemu-'))
        return {
          // The guests of this suite are told to stop before they hear it.
          provider: qemuProvider({ stateDir, stopGraceMs: 1000 }),
          patienceMs: PATIENCE_MS,
          close: async () => {
            const left = (await readdir(stateDir, { recursive: true })).toSorted()
            assert.deepEqual(left, ['networks', 'volumes'], 'nothing is left behind but folders that are empty')
            await rm(stateDir, { recursive: true })
          },
        }
      },
    })
  })

  it('lets guests outlive it, and finds them again, running or not', async (t) => {
    if (!needQemu(t)) return
    const server = await serveMetadata(t, METADATA)
    const { provider: first, stateDir } = await openQemu(t)
    const id = await boot(first, [{ method: 'metadata', socketPath: server.socketPath }])

    const second = qemuProvider({ stateDir, stopGraceMs: 20_000 })
    const found = await second.find(id, call())
    assert.equal(found?.state, 'active')
    assert.deepEqual(
      (await second.list(call())).map(({ remoteId, ourId }) => [remoteId, ourId]),
      [[id, id]],
    )
    const { text } = await untilEnded(second, id)

    // The power button is heard: the guest ends by itself, long before the plug would be pulled.
    await second.act(id, 'stop', call())
    assert.equal((await qemuProvider({ stateDir }).get(id, call())).state, 'inactive')
    assert.match(await untilSays(second, id, /Power down/), /Power down/)

    const before = Buffer.byteLength((await second.console?.(id, 0, call()))?.text ?? '')
    await second.act(id, 'start', call())
    assert.match(await untilSays(second, id, /"stage":"applied"/, before), /booted/)
    assert.ok(
      (await second.console?.(id, 0, call()))?.text.startsWith(text),
      'the console goes on, it is not begun anew',
    )
    assert.equal(server.requests.filter((line) => line.endsWith('user_data')).length, 2)
  })

  it('holds a suspended guest still, and lets a resumed one go on', async (t) => {
    if (!needQemu(t)) return
    const server = await serveMetadata(t, {
      ...METADATA,
      '/openstack/latest/user_data': '#!/bin/sh\nwhile sleep 0.1; do echo tick; done\n',
    })
    const { provider } = await openQemu(t)
    const id = await boot(provider, [{ method: 'metadata', socketPath: server.socketPath }])
    await untilSays(provider, id, /tick[^]*tick/)
    await provider.act(id, 'suspend', call())
    assert.equal((await provider.get(id, call())).state, 'suspended')
    const said = async () => (await provider.console?.(id, 0, call()))?.next ?? 0
    const still = await said()
    await sleep(1000)
    assert.equal(await said(), still)
    await provider.act(id, 'resume', call())
    await untilSays(provider, id, /tick/, still)
    await provider.act(id, 'suspend', call())
    await provider.act(id, 'start', call())
    assert.equal((await provider.get(id, call())).state, 'active')
    await provider.act(id, 'stop', call(), 'poweroff')
    assert.equal((await provider.get(id, call())).state, 'inactive')
  })

  it('leaves no process and no file of a deleted guest, even with connections open', async (t) => {
    if (!needQemu(t)) return
    const hanging = { ...METADATA, '/openstack/latest/user_data': '#!/bin/sh\nsleep 1000 | nc 169.254.169.254 80\n' }
    const server = await serveMetadata(t, hanging)
    const { provider, stateDir } = await openQemu(t)
    const id = await boot(provider, [{ method: 'metadata', socketPath: server.socketPath }])
    await untilSays(provider, id, /"stage":"fetched"/)
    await untilTrue(async () => (await processesWith(server.socketPath)).some((line) => line.includes('nc.openbsd')))
    await provider.delete(id, call())
    assert.deepEqual(await processesWith(id), [])
    assert.deepEqual(await processesWith(server.socketPath), [])
    assert.deepEqual(await readdir(stateDir), [])
  })

  it('passes the end of a connection on in both directions', async (t) => {
    if (!needQemu(t)) return
    // The first waits for the server to close; the second closes its half once it has asked, as tiny-cloud does.
    const script = `#!/bin/sh
ask() { printf 'GET /openstack/latest/meta_data.json HTTP/1.0\\r\\n\\r\\n'; }
mkfifo /run/ask
exec 3<>/run/ask
ask >&3
timeout 20 nc 169.254.169.254 80 </run/ask >/run/first; echo "first: $?, $(head -n 1 /run/first)"
ask | timeout 5 nc 169.254.169.254 80 >/run/second; echo "second: $?, $(head -n 1 /run/second)"
`
    const server = await serveMetadata(t, { ...METADATA, '/openstack/latest/user_data': script })
    const { provider } = await openQemu(t)
    const id = await boot(provider, [{ method: 'metadata', socketPath: server.socketPath }])
    const { text } = await untilEnded(provider, id)
    for (const which of ['first', 'second'])
      assert.match(
        text,
        new RegExp(`^user-data: ${which}: 0, HTTP/1.1 200 OK`, 'm'),
        'netcat ended by itself, with the answer',
      )
    await untilTrue(async () => !(await processesWith(server.socketPath)).some((line) => line.startsWith('/')))
  })

  it('boots a disk image without ever writing to it', async (t) => {
    if (!needQemu(t)) return
    const imagesDir = await mkdtemp(join(tmpdir(), 'bellhop-images, '))
    t.after(() => rm(imagesDir, { recursive: true }))
    const image = bootSector('Hello from the disk')
    await writeFile(join(imagesDir, 'hello, world.raw'), image)
    const { provider, stateDir } = await openQemu(t, { images: [], imagesDir })
    const [hello] = await provider.images(call())
    const small = (await provider.sizes(call())).find(({ diskGiB }) => diskGiB !== undefined)
    assert.ok(hello && small)
    assert.equal(hello.name, 'qemu-hello-world')
    const { remoteId } = await provider.create(requestFor(randomUUID(), hello, small), call())
    await untilSays(provider, remoteId, /Hello from the disk/)
    const overlay = await readFile(join(stateDir, remoteId, 'overlay.qcow2'))
    assert.equal(
      overlay.readBigUInt64BE(24),
      BigInt(small.diskGiB ?? 0) * 1024n ** 3n,
      'the disk has the size asked for',
    )
    await provider.delete(remoteId, call())
    assert.equal(sha256(await readFile(join(imagesDir, 'hello, world.raw'))), sha256(image))
  })

  it('works in a folder whose path is longer than a socket can have', async (t) => {
    if (!needQemu(t)) return
    const { folder } = await openQemu(t)
    const stateDir = join(folder, 'a path, with commas '.repeat(10))
    const provider = qemuProvider({ stateDir })
    const id = await boot(provider)
    assert.equal((await provider.get(id, call())).state, 'active')
    await provider.delete(id, call())
    assert.deepEqual(await readdir(stateDir), [])
  })

  it('says why a guest did not start, and leaves nothing of it', async (t) => {
    if (!needQemu(t)) return
    const { folder, stateDir } = await openQemu(t)
    await mkdir(join(folder, 'bad'))
    await writeFile(join(folder, 'bad', 'kernel'), 'this is no kernel')
    const provider = qemuProvider({ stateDir, images: [{ path: join(folder, 'bad') }] })
    await assert.rejects(
      boot(provider),
      (error) => isCloudError(error, 'provider-failed') && /kernel/.test(error.message),
    )
    assert.deepEqual(await readdir(stateDir), [])
  })

  it('mends what a killed creator left: one guest in the end, and nothing after it is deleted', async (t) => {
    if (!needQemu(t)) return
    const { provider, stateDir } = await openQemu(t, { accel: 'tcg' })
    const [image] = await provider.images(call())
    const [size] = await provider.sizes(call())
    assert.ok(image && size)
    for (const delayMs of [0, 5, 10, 20, 30, 45, 60, 80, 100, 150, 250]) {
      const id = randomUUID()
      await createAndDie(stateDir, id, delayMs)
      await sleep(provider.capabilities.settleMs)
      const survivor = await provider.find(id, call())
      assert.ok([undefined, 'active'].includes(survivor?.state), survivor?.state ?? '')
      // Half of them are created again, as the reconciler would; the others are given up.
      if (delayMs % 2 === 0) {
        assert.equal((await provider.create(requestFor(id, image, size), call())).state, 'active')
        assert.equal((await processesWith(`bellhop-${id}`)).length, 1)
      }
      await provider.delete(id, call())
      assert.deepEqual(await processesWith(id), [])
      assert.deepEqual(await readdir(stateDir), [])
    }
  })

  it('makes one guest of what several providers create at once', async (t) => {
    if (!needQemu(t)) return
    const { provider, stateDir } = await openQemu(t, { accel: 'tcg' })
    const [image] = await provider.images(call())
    const [size] = await provider.sizes(call())
    assert.ok(image && size)
    const id = randomUUID()
    const creators = [1, 2, 3].map(() => qemuProvider({ stateDir, accel: 'tcg' }))
    await Promise.all(creators.map((creator) => creator.create(requestFor(id, image, size), call())))
    assert.equal((await processesWith(`bellhop-${id}`)).length, 1)
    await untilTrue(async () => (await provider.get(id, call())).state === 'active')
  })

  it('tries an accelerator with a real guest, and kills one that does not end', async (t) => {
    if (!needQemu(t)) return
    assert.equal(await canRun('tcg', PATIENCE_MS), true)
    assert.equal(await canRun('tcg', 1), false)
    assert.deepEqual(await processesWith('isa-debug-exit'), [])
  })
})

/** A process that creates a guest and is killed `delayMs` after it began to. */
async function createAndDie(stateDir: string, id: string, delayMs: number): Promise<void> {
  const source = new URL('../../src/providers/qemu/index.ts', import.meta.url)
  const request = new URL('./demo-guest.ts', import.meta.url)
  const script = `
    import { qemuProvider } from ${JSON.stringify(source.href)}
    import { call, requestFor } from ${JSON.stringify(request.href)}
    const provider = qemuProvider({ stateDir: ${JSON.stringify(stateDir)}, accel: 'tcg' })
    const [[image], [size]] = [await provider.images(call()), await provider.sizes(call())]
    console.log('now')
    await provider.create(requestFor(${JSON.stringify(id)}, image, size), call())`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  await new Promise((resolve) => {
    child.stdout.once('data', resolve)
  })
  await sleep(delayMs)
  child.kill('SIGKILL')
  await closed
}

/** A disk that says a line on the serial port and then halts: 16-bit code that sends byte after byte to port 0x3f8. */
function bootSector(line: string): Uint8Array {
  const sector = Buffer.alloc(512)
  // mov si, 0x7c0f; mov dx, 0x3f8; next: lodsb; test al, al; jz end; out dx, al; jmp next; end: hlt
  sector.set([0xbe, 0x0f, 0x7c, 0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0xf4])
  sector.write(`${line}\r\n`, 15)
  sector.set([0x55, 0xaa], 510)
  return sector
}
