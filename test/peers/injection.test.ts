import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { injectIntoImage, type ImageInjection } from '../../src/deliveries/injection-image.ts'
import { sha256 } from '../../src/model/digest.ts'
import { isCloudError, type ErrorCode } from '../../src/model/errors.ts'
import { textFile, type Files } from '../../src/model/files.ts'
import { injectedFiles } from '../../src/service/injected-files.ts'
import { ROOT, run as runProgram } from '../e2e/programs.ts'
import { CONTEXT, SCRIPT } from './cloud-init/context.ts'
import { needCloudInit, runCloudInit } from './cloud-init/peer.ts'
import { processesWith } from './demo-guest.ts'
import {
  asRaw,
  assertClean,
  debugfs,
  makeImage,
  needImages,
  PART_START,
  run,
  sumOf,
  testFolder,
} from './injection-images.ts'
import { need, needRoot } from './need.ts'

const CLI = join(ROOT, 'src', 'cli', 'main.ts')
const EVERY_BYTE = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256))

/** All that names and rights can be. */
const FILES: Files = new Map([
  ['var/lib/cloud/seed/nocloud-net/user-data', { bytes: SCRIPT, mode: 0o600, role: 'user-data' }],
  ['var/run/through a link', textFile('run', { mode: 0o640, uid: 33, gid: 34 })],
  ['etc/grüß dich', { bytes: EVERY_BYTE, mode: 0o4755, uid: 70_000, gid: 4_000_000_000 }],
  ['etc/many/<12>', textFile('')],
  [`etc/#back\\slash's ${'x'.repeat(200)}`, { bytes: new Uint8Array(300_000) }],
])
const REAL: Readonly<Record<string, string>> = { 'var/run/through a link': 'run/through a link' }

async function inject(image: string, more: Partial<ImageInjection> = {}, files: Files = FILES) {
  return injectIntoImage(files, { image, ...more })
}

const one = (text: string) => new Map([['etc/motd', textFile(text)]])
const refuses = (code: ErrorCode, words: RegExp) => (error: unknown) =>
  isCloudError(error, code) && words.test(error.message)

/** By the kernel's own ext4, which knows nothing of debugfs. */
async function assertMounted(t: TestContext, raw: string, files: Files): Promise<void> {
  if (!needRoot(t)) return
  const folder = await testFolder(t)
  run('mount', '-o', `loop,ro,noload,offset=${PART_START}`, raw, folder)
  try {
    for (const [path, { bytes, mode = 0o644, uid = 0, gid = 0 }] of files) {
      const real = join(folder, REAL[path] ?? path)
      assert.equal(sha256(await readFile(real)), sha256(bytes), path)
      const found = await stat(real)
      assert.deepEqual([found.mode & 0o7777, found.uid, found.gid, found.nlink], [mode, uid, gid, 1], path)
    }
  } finally {
    run('umount', folder)
  }
}

describe('files in an image', () => {
  for (const kind of ['ext2', 'ext3', 'ext4'] as const)
    for (const [how, format, more] of [
      ['raw', 'raw', {}],
      ['qcow2, over FUSE', 'qcow2', { by: 'fuse' }],
      ['qcow2, by a copy', 'qcow2', { by: 'copy' }],
      ['an overlay over raw', 'raw', { isOverlay: true }],
      ['an overlay over qcow2', 'qcow2', { isOverlay: true }],
    ] as const)
      it(`are there with all their bytes, modes and owners, and all is clean: ${kind}, ${how}`, async (t) => {
        if (!needImages(t)) return
        const folder = await testFolder(t)
        const image = await makeImage(folder, 'guest', { kind, format })
        const [before, to] = [await sumOf(image), join(folder, 'made')]
        const { files, fileSystem, partition } = await inject(image, { to, ...more })
        assert.deepEqual([fileSystem, partition], [kind, 1])
        assert.deepEqual(
          files.map(({ sha256 }) => sha256),
          [...FILES.values()].map(({ bytes }) => sha256(bytes)),
        )
        assert.equal(await sumOf(image), before, 'the base is as it was')
        const made = 'isOverlay' in more ? 'qcow2' : format
        if (made === 'qcow2') run('qemu-img', 'check', '-f', 'qcow2', to)
        const raw = asRaw(to, made)
        assertClean(raw)
        if (kind === 'ext4') await assertMounted(t, raw, FILES)
        await inject(image, more.isOverlay ? { to, ...more } : more)
        const left = (await readdir(folder)).filter((name) => name.startsWith('.'))
        assert.deepEqual(left, [], 'no folder to work in is left')
      })

  it('may be the same again, and then nothing is written', async (t) => {
    if (!needImages(t)) return
    const image = await makeImage(await testFolder(t), 'guest')
    await inject(image)
    const { files } = await inject(image)
    assert.deepEqual([...new Set(files.map(({ was }) => was))], ['unchanged'])
  })

  it('never take the place of others unasked: refused, kept beside, or replaced', async (t) => {
    if (!needImages(t)) return
    const image = await makeImage(await testFolder(t), 'guest')
    const read = (path: string) => debugfs(image, [`cat "${path}"`])
    const before = await sumOf(image)
    await assert.rejects(inject(image, {}, one('1')), refuses('conflict', /"\/etc\/motd" is there already/))
    assert.equal(await sumOf(image), before)
    await inject(image, { existing: 'keep' }, one('1'))
    await inject(image, { existing: 'keep' }, one('2'))
    await inject(image, { existing: 'replace' }, one('3'))
    assert.match(read('/etc/motd'), /\n3/)
    assert.match(read('/etc/motd.bellhop-old'), /welcome/)
    assert.match(read('/etc/motd.bellhop-old-2'), /\n1/)
    assertClean(image)
    const [file] = (await inject(image, {}, new Map([['etc/motd.bellhop-old', textFile('welcome\n')]]))).files
    assert.equal(file?.was, 'unchanged', 'what was kept has its rights still')
  })

  it('are only shown in a trial, of raw and qcow2', async (t) => {
    if (!needImages(t)) return
    const folder = await testFolder(t)
    for (const format of ['raw', 'qcow2'] as const) {
      const image = await makeImage(folder, 'guest', { format })
      const before = await sumOf(image)
      const { files, folders } = await inject(
        image,
        { isTrial: true, existing: 'keep' },
        new Map([...FILES, ...one('x')]),
      )
      assert.deepEqual(folders, ['/var/lib/cloud', '/var/lib/cloud/seed', '/var/lib/cloud/seed/nocloud-net'])
      assert.equal(files.at(-1)?.keptAs, '/etc/motd.bellhop-old')
      assert.equal(await sumOf(image), before)
    }
  })

  it('fit in a folder of thousands, which is indexed', async (t) => {
    if (!needImages(t)) return
    const image = await makeImage(await testFolder(t), 'guest', { many: 3000 })
    const files = new Map(Array.from({ length: 200 }, (_, i) => [`etc/many/new ${i}`, textFile(`${i}`)]))
    await inject(image, {}, files)
    assertClean(image)
  })

  it('get the SELinux label of their folder, and those that replace others theirs', async (t) => {
    if (!needImages(t)) return
    const label = (name: string) => `system_u:object_r:${name}:s0`
    const image = await makeImage(await testFolder(t), 'guest', {
      commands: [
        `ea_set /var/lib security.selinux ${label('var_lib_t')}`,
        `ea_set /etc/motd security.selinux ${label('motd_t')}`,
      ],
    })
    await inject(image, { existing: 'replace' }, new Map([['var/lib/a/b', textFile('')], ...one('x')]))
    const shown = debugfs(
      image,
      ['ea_get /var/lib/a', 'ea_get /var/lib/a/b', 'ea_get /etc/motd'].map((each) => `${each} security.selinux`),
    )
    assert.deepEqual(shown.match(/object_r:\w+/g), ['object_r:var_lib_t', 'object_r:var_lib_t', 'object_r:motd_t'])
    assertClean(image)
  })

  it('make a guest with SELinux label all anew where nothing has a label', async (t) => {
    if (!needImages(t)) return
    const folder = await testFolder(t)
    const config = join(folder, 'config')
    await writeFile(config, '# x\nSELINUX=enforcing\nSELINUXTYPE=targeted\n')
    const image = await makeImage(folder, 'guest', {
      commands: ['mkdir /etc/selinux', 'cd /etc/selinux', `write ${config} config`],
    })
    const { files, remarks } = await inject(image, { existing: 'replace' }, one('x'))
    assert.deepEqual(
      files.map(({ path }) => path),
      ['/etc/motd', '/.autorelabel'],
    )
    assert.match(remarks.join(), /SELinux/)
  })
})

describe('an image is left alone', () => {
  for (const [what, commands, words] of [
    ['was not unmounted', ['ssv state 0'], /was not unmounted/],
    ['has errors', ['ssv state 3'], /errors/],
    ['has a journal to be read', ['feature needs_recovery'], /journal/],
  ] as const)
    it(`that ${what}`, async (t) => {
      if (!needImages(t)) return
      const image = await makeImage(await testFolder(t), 'guest', { commands })
      const before = await sumOf(image)
      await assert.rejects(inject(image), refuses('unsupported', words))
      assert.equal(await sumOf(image), before)
    })

  for (const format of ['raw', 'qcow2'] as const)
    it(`that a machine has open: ${format}`, async (t) => {
      if (!needImages(t) || !need(t, 'qemu-system-x86_64', 'qemu-system-x86')) return
      const folder = await testFolder(t)
      const image = await makeImage(folder, 'guest', { format })
      const pid = join(folder, 'pid')
      const drive = `file=${image},format=${format},if=virtio`
      run('qemu-system-x86_64', '-S', '-display', 'none', '-drive', drive, '-daemonize', '-pidfile', pid)
      try {
        await assert.rejects(inject(image), refuses('conflict', /in use/))
      } finally {
        process.kill(Number(await readFile(pid, 'utf8')))
      }
    })

  it('that is below the image of a machine, which may be the base of another still', async (t) => {
    if (!needImages(t) || !need(t, 'qemu-system-x86_64', 'qemu-system-x86')) return
    const folder = await testFolder(t)
    const [base, overlay, pid] = [await makeImage(folder, 'base'), join(folder, 'over.qcow2'), join(folder, 'pid')]
    await inject(base, { to: overlay, isOverlay: true })
    run(
      'qemu-system-x86_64',
      '-S',
      '-display',
      'none',
      '-drive',
      `file=${overlay},if=virtio`,
      '-daemonize',
      '-pidfile',
      pid,
    )
    try {
      await assert.rejects(inject(base), refuses('conflict', /in use/))
      await inject(base, { to: join(folder, 'another.qcow2'), isOverlay: true })
    } finally {
      process.kill(Number(await readFile(pid, 'utf8')))
    }
  })

  it('that leads to other files of this host', async (t) => {
    if (!needImages(t)) return
    const folder = await testFolder(t)
    const base = await makeImage(folder, 'base')
    const overlay = join(folder, 'overlay.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, overlay)
    await assert.rejects(inject(overlay), refuses('unsupported', /overlay over another file/))
    const split = join(folder, 'split.qcow2')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', `data_file=${join(folder, 'data')}`, split, '8M')
    await assert.rejects(inject(split), refuses('unsupported', /data are in another file/))
  })

  it('that has no room, and one that is cut short', async (t) => {
    if (!needImages(t)) return
    const image = await makeImage(await testFolder(t), 'guest')
    const large = new Map([['etc/large', { bytes: new Uint8Array(40 * 1024 ** 2) }]])
    await assert.rejects(inject(image, {}, large), refuses('too-large', /has \d+ left/))
    run('truncate', '-s', '20M', image)
    await assert.rejects(inject(image), refuses('invalid', /cut short/))
  })

  it('that is nothing that is known, with what it is made of', async (t) => {
    if (!needImages(t)) return
    const image = join(await testFolder(t), 'zeros.raw')
    run('truncate', '-s', '8M', image)
    await assert.rejects(inject(image), refuses('unsupported', /the image itself \(nothing that is known\)/))
    await assert.rejects(inject(image, { partition: 3 }), refuses('not-found', /no partition 3/))
  })
})

describe('a disk that sfdisk divided', () => {
  for (const label of ['gpt', 'dos'] as const)
    it(`gets its files in the one partition that has /etc, or in the one that is asked for: ${label}`, async (t) => {
      if (!needImages(t) || !need(t, 'sfdisk', 'fdisk')) return
      const folder = await testFolder(t)
      const [part, disk] = [await makeImage(folder, 'part'), join(folder, 'disk.raw')]
      run('truncate', '-s', '200M', disk)
      const parts = [0, 1, 2, 3, 4].map(
        (index) =>
          `start=${(1 + index * 36) * 2048},size=${33 * 2048}${label === 'dos' && index === 3 ? ',type=5' : ''}`,
      )
      // Logical ones stand within the extended one.
      if (label === 'dos')
        parts.splice(3, 2, `start=${109 * 2048},size=${80 * 2048},type=5`, `start=${145 * 2048},size=${33 * 2048}`)
      const divided = await runProgram('sfdisk', ['--quiet', disk], { input: `label: ${label}\n${parts.join('\n')}\n` })
      assert.equal(divided.code, 0, divided.stderr)
      const put = (mib: number) =>
        run('dd', `if=${part}`, `of=${disk}`, 'bs=1M', 'skip=1', `seek=${mib}`, 'conv=notrunc', 'status=none')
      put(145)
      assert.equal((await inject(disk, { isTrial: true })).partition, 5)
      put(37)
      await assert.rejects(inject(disk), refuses('conflict', /several partitions have \/etc: 2 \(ext4\), 5 \(ext4\)/))
      assert.equal((await inject(disk, { partition: 2 })).partition, 2)
      run('e2fsck', '-f', '-n', `${disk}?offset=${37 * 1024 ** 2}`)
      await assert.rejects(inject(disk, { partition: 1 }), refuses('unsupported', /1 \(nothing that is known\)/))
    })
})

describe('an injection that is killed', () => {
  for (const format of ['raw', 'qcow2'] as const)
    it(`leaves the image as it was, or whole with the files, and nothing beside it: ${format}`, async (t) => {
      if (!needImages(t)) return
      const folder = await testFolder(t)
      const image = await makeImage(folder, 'guest', { format })
      const data = join(folder, 'data')
      await writeFile(data, SCRIPT)
      const before = await sumOf(image)
      const words = [CLI, 'inject', image, '--user-data', data]
      const start = performance.now()
      await runProgram(process.execPath, [...words, '--to', join(folder, 'timed')])
      const tookMs = performance.now() - start
      let untouched = 0
      for (let tries = 0; tries < 20; tries++) {
        const child = spawn(process.execPath, words, { stdio: 'ignore' })
        const ended = once(child, 'exit')
        await Promise.race([ended, sleep(tookMs * (0.3 + tries * 0.05))])
        child.kill('SIGKILL')
        await ended
        if ((await sumOf(image)) === before) untouched++
        else break
      }
      t.diagnostic(`killed ${untouched} times before the end`)
      assert.ok(untouched > 0)
      for (let left = 100; (await hidden(folder)).length > 0; left--) {
        assert.ok(left > 0, `left behind: ${(await hidden(folder)).join()}`)
        await sleep(100)
      }
      assert.deepEqual(await processesWith('bellhop-inject'), [])
      assertClean(asRaw(image, format))
    })
})

async function hidden(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('.'))
}

describe('a real cloud-init', () => {
  it('finds the seed that was injected, by itself, and runs the very bytes', async (t) => {
    if (!needImages(t) || !needCloudInit(t)) return
    const folder = await testFolder(t)
    const image = await makeImage(folder, 'guest')
    const { files } = await inject(image, {}, injectedFiles({ ...CONTEXT, userData: SCRIPT, files: [] }, ['nocloud']))
    const own = join(folder, 'own')
    await mkdir(own)
    debugfs(image, [`rdump /var/lib/cloud ${own}`])
    await mkdir(join(own, 'var', 'lib'), { recursive: true })
    await rename(join(own, 'cloud'), join(own, 'var', 'lib', 'cloud'))
    const outcome = await runCloudInit(t, { ownFiles: own })
    assert.match(outcome.dataSource, /^DataSourceNoCloud \[seed=\/var\/lib\/cloud\/seed\/nocloud/)
    assert.deepEqual([outcome.errors, outcome.failedStages], [[], []])
    const ran = Buffer.from(outcome.read('/var/lib/delivered')).toString('utf8').trim()
    assert.equal(ran, `root ${sha256(SCRIPT)}`)
    assert.equal(
      files.find(({ role }) => role === 'user-data')?.sha256,
      sha256(SCRIPT),
      'and that is what was read back',
    )
  })
})

describe('bellhop inject', () => {
  const cli = (...words: readonly string[]) => runProgram(process.execPath, [CLI, 'inject', ...words])

  it('tells what it wrote, with the digest as it was read back', async (t) => {
    if (!needImages(t)) return
    const folder = await testFolder(t)
    const image = await makeImage(folder, 'guest', { format: 'qcow2' })
    const data = join(folder, 'data')
    await writeFile(data, SCRIPT, { mode: 0o640 })
    const made = join(folder, 'made.qcow2')
    const { code, stdout } = await cli(
      image,
      '--user-data',
      data,
      '--file',
      `${data}:/etc/app/key`,
      '--to',
      made,
      '-o',
      'json',
    )
    assert.equal(code, 0)
    const told = JSON.parse(stdout) as {
      userData: { sha256: string }
      files: readonly { path: string; mode: string }[]
    }
    assert.equal(told.userData.sha256, sha256(SCRIPT))
    assert.equal(told.files.find(({ path }) => path === '/etc/app/key')?.mode, '0640')
    assertClean(asRaw(made, 'qcow2'))
    const cern = await cli(image, '--user-data', data, '--for', 'cernvm', '--dry-run')
    assert.match(cern.stdout, /would write to partition 1 \(ext4, by debugfs\):\n  0600 .* \/cernvm\/extra-user-data\n/)
  })

  it('says what is wrong, and writes nothing', async (t) => {
    if (!needImages(t)) return
    const folder = await testFolder(t)
    const image = await makeImage(folder, 'guest')
    const before = await sumOf(image)
    for (const [words, said] of [
      [[], /nothing is to be injected/],
      [['--file', 'x'], /is not like motd/],
      [['--file', `${image}:/etc/motd`], /"\/etc\/motd" is there already|40|too/],
      [['--user-data', '/nowhere'], /cannot read \/nowhere/],
      [['--overlay', '--user-data', image], /--overlay needs --to/],
    ] as const) {
      const { code, stderr } = await cli(image, ...words)
      assert.ok(code !== 0 && code !== 1, stderr)
      assert.match(stderr, said)
    }
    assert.equal(await sumOf(image), before)
  })
})

it('every block of the how-to runs, in the order of the page', async (t) => {
  if (!needImages(t)) return
  const folder = await testFolder(t)
  for (const name of ['vm', 'base']) await makeImage(folder, name, { format: 'qcow2' })
  for (const name of ['site.yaml', 'motd', 'key']) await writeFile(join(folder, name), '#cloud-config\n{}\n')
  const page = await readFile(join(ROOT, 'docs', 'howto', 'injection.md'), 'utf8')
  const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, code = '']) => code)
  assert.ok(blocks.length >= 4)
  const env = { ...process.env, PATH: [join(ROOT, 'bin'), process.env['PATH']].join(delimiter) }
  const { code, stdout, stderr } = await runProgram('bash', ['-euo', 'pipefail', '-c', blocks.join('')], {
    cwd: folder,
    env,
  })
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /would write to partition 1 .*\n.* was there already/)
  for (const name of ['vm', 'web1', 'web2']) assertClean(asRaw(join(folder, `${name}.qcow2`), 'qcow2'))
})
