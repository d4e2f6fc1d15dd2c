import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { injectIntoImage } from '../../src/deliveries/injection-image.ts'
import { sha256 } from '../../src/model/digest.ts'
import { isCloudError } from '../../src/model/errors.ts'
import { textFile, type Files } from '../../src/model/files.ts'
import { ROOT, run as runProgram } from '../e2e/programs.ts'
import { needImages, run, sumOf, testFolder } from './injection-images.ts'
import { need, needRoot } from './need.ts'

const EVERY_BYTE = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256))
const FILES: Files = new Map([
  ['var/alias/cloud/seed/user-data', { bytes: EVERY_BYTE, mode: 0o600, role: 'user-data' }],
  ['etc/motd', textFile('good evening\n', { mode: 0o4755, uid: 70_000, gid: 100_000 })],
])

const GUEST = `
part-disk /dev/sda mbr
mkfs xfs /dev/sda1
mount /dev/sda1 /
mkdir-p /etc/selinux
mkdir-p /var/lib
ln-s lib /var/alias
write /etc/selinux/config "SELINUX=enforcing\\n"
write /etc/motd "welcome"
`

/** A guestfish that the tests and what they call find before any other. */
async function needGuestfish(t: TestContext, folder: string): Promise<boolean> {
  if (!needImages(t) || !needRoot(t) || !need(t, 'mmdebstrap', 'mmdebstrap')) return false
  const bin = join(folder, 'bin')
  await mkdir(bin)
  symlinkSync(join(ROOT, 'test', 'peers', 'guestfish', 'guestfish.sh'), join(bin, 'guestfish'))
  const before = process.env['PATH'] ?? ''
  process.env['PATH'] = [bin, before].join(delimiter)
  t.after(() => (process.env['PATH'] = before))
  return true
}

async function guestfish(folder: string, script: string, ...options: readonly string[]): Promise<string> {
  await writeFile(join(folder, 'script'), script)
  // A KVM that is there may not work.
  const env = { ...process.env, LIBGUESTFS_BACKEND: 'direct', LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' }
  const ended = await runProgram('guestfish', ['--format=raw', '-a', ...options, '-f', 'script'], { cwd: folder, env })
  assert.equal(ended.code, 0, ended.stderr)
  return ended.stdout
}

describe('guestfish', () => {
  it('writes files into an XFS, which debugfs does not know', { timeout: 900_000 }, async (t) => {
    const folder = await testFolder(t)
    if (!(await needGuestfish(t, folder))) return
    const image = join(folder, 'image.raw')
    run('truncate', '-s', '400M', image)
    await guestfish(folder, `run\n${GUEST}`, 'image.raw')
    const before = await sumOf(image)
    const to = join(folder, 'made.raw')
    // It looks for an operating system, of which this image has too little.
    await assert.rejects(
      injectIntoImage(FILES, { image, to }),
      (error) => isCloudError(error, 'unsupported') && /no operating system/.test(error.message),
    )
    const { files, folders, by, fileSystem, partition } = await injectIntoImage(FILES, {
      image,
      to,
      partition: 1,
      existing: 'keep',
    })
    assert.deepEqual([by, fileSystem, partition], ['guestfish', 'xfs', 1])
    assert.deepEqual(folders, ['/var/alias/cloud', '/var/alias/cloud/seed'])
    assert.deepEqual(
      files.map(({ path, was }) => [path, was]),
      [
        ['/var/alias/cloud/seed/user-data', 'new'],
        ['/etc/motd', 'kept'],
        ['/.autorelabel', 'new'],
      ],
    )
    assert.equal(files[0]?.sha256, sha256(EVERY_BYTE))
    assert.equal(await sumOf(image), before, 'the base is as it was')
    const look = 'checksum sha256 /var/lib/cloud/seed/user-data\ncat /etc/motd.bellhop-old\nstatns /etc/motd\n'
    const shown = await guestfish(folder, look, 'made.raw', '--ro', '-m', '/dev/sda1')
    const mode = 0o104_755
    const wanted = `^${sha256(EVERY_BYTE)}\\nwelcome\\n[^]*st_mode: ${mode}\\n[^]*st_uid: 70000\\nst_gid: 100000\\n`
    assert.match(shown, new RegExp(wanted))
  })
})

describe('without guestfish', () => {
  it('an image with XFS is refused, with the reason', async (t) => {
    if (!needImages(t)) return
    const image = join(await testFolder(t), 'xfs.raw')
    const bytes = Buffer.alloc(1024 ** 2)
    bytes.write('XFSB')
    await writeFile(image, bytes)
    await assert.rejects(injectIntoImage(FILES, { image }), (error) => {
      return (
        isCloudError(error, 'unsupported') && /need guestfish: .*apt-get install libguestfs-tools/.test(error.message)
      )
    })
  })
})
