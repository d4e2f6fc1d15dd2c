import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sha256 } from '../../src/model/digest.ts'
import { BELLHOP } from './gateway.ts'
import { run, type Surroundings } from './programs.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJuT4GQCjyQjTqbv9DQR6pOQTqVyEJ6TLMTqpPyqZwZK alice@laptop'
const EVERY_BYTE = Buffer.concat([
  Buffer.from('#!/bin/sh\n# secret word\n'),
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
])

let folder = ''
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'bellhop-cli-'))))
after(() => rm(folder, { recursive: true }))

/** A file in the test's own folder. */
async function file(name: string, bytes: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}

const bellhop = (args: readonly string[], around?: Surroundings) => run(BELLHOP, args, around)

/** What of `inspect -o json` these tests look at. */
interface Inspected {
  readonly format: string
  readonly label: string
  readonly guests: readonly string[]
  readonly files: readonly { readonly path: string }[]
  readonly layouts: Readonly<
    Record<
      string,
      { instanceId: string; hostname?: string; keys: string[]; variables: string[]; userData: { sha256: string } }
    >
  >
}

async function inspected(image: Uint8Array): Promise<Inspected> {
  const { code, stdout, stderr } = await bellhop(['inspect', '-', '-o', 'json'], { input: image })
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as Inspected
}

describe('bellhop seed and inspect', { concurrency: 4 }, () => {
  for (const format of ['iso', 'vfat'])
    for (const [layouts, label, finder] of [
      ['openstack', 'config-2', 'cloud-init (ConfigDrive)'],
      ['nocloud', 'cidata', 'cloud-init (NoCloud)'],
      ['ec2', 'config-2', 'HEPiX images'],
      ['openstack,nocloud,ec2', 'config-2', 'CirrOS'],
    ] as const)
      it(`agree on a ${format} disk with ${layouts}`, async () => {
        const key = await file('key.pub', `# my keys\n${KEY}\n`)
        const options = ['--layout', layouts, '--format', format, '--hostname', 'web1', '--ssh-key', key]
        const made = await bellhop(['seed', '--user-data', '-', ...options, '-o', '-'], { input: EVERY_BYTE })
        assert.equal(made.code, 0, made.stderr)
        assert.match(made.stderr, new RegExp(`SHA-256 ${sha256(EVERY_BYTE)}`))
        const found = await inspected(made.bytes)
        assert.deepEqual([found.format, found.label], [format, label])
        assert.ok(found.guests.includes(finder), found.guests.join())
        assert.deepEqual(Object.keys(found.layouts).toSorted(), layouts.split(',').toSorted())
        for (const { hostname, keys, userData } of Object.values(found.layouts))
          assert.deepEqual([hostname, keys, userData.sha256], ['web1', ['alice@laptop'], sha256(EVERY_BYTE)])
      })

  it('make the same disk of the same data, and another instance id of others', async () => {
    const seed = async (data: string): Promise<Buffer> =>
      (await bellhop(['seed', '--user-data', '-', '-o', '-'], { input: data })).bytes
    const [first, again, other] = await Promise.all([seed('one'), seed('one'), seed('two')])
    assert.ok(first.equals(again))
    const ids = await Promise.all([first, other].map(inspected))
    assert.notEqual(ids[0]?.layouts['openstack']?.instanceId, ids[1]?.layouts['openstack']?.instanceId)
  })

  it('give the members of a JSON dictionary as variables too, where that is asked for', async () => {
    const data = '{"role": "web", "workers": 4}'
    const seed = async (...options: string[]) =>
      await bellhop(['seed', '--user-data', '-', '-o', '-', '--layout', 'openstack', ...options], { input: data })
    const [plain, asked] = [await seed(), await seed('--variables-from-user-data')]
    for (const [{ bytes }, variables] of [
      [plain, []],
      [asked, ['role', 'workers']],
    ] as const) {
      const { layouts } = await inspected(bytes)
      assert.deepEqual(layouts['openstack']?.variables, variables)
      assert.equal(layouts['openstack'].userData.sha256, sha256(Buffer.from(data)))
    }
  })

  it('take an instance id and a label as they are given', async () => {
    const options = ['--layout', 'nocloud', '--instance-id', 'web-7', '--label', 'CIDATA']
    const made = await bellhop(['seed', '--user-data', '-', ...options, '-o', '-'], { input: 'x' })
    const found = await inspected(made.bytes)
    assert.deepEqual([found.label, found.layouts['nocloud']?.instanceId], ['CIDATA', 'web-7'])
  })

  it('write a file for its owner alone, with nothing left beside it', async () => {
    const data = await file('data', '#!/bin/sh\n')
    const target = join(folder, 'out')
    await writeFile(target, 'old')
    const made = await bellhop(['seed', '--user-data', data, '-o', target])
    assert.deepEqual([made.code, made.stdout], [0, ''])
    assert.equal((await stat(target)).mode & 0o777, 0o600)
    assert.equal((await readFile(target)).subarray(32_769, 32_774).toString(), 'CD001')
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith('.part')),
      [],
    )
  })

  it('never show the data', async () => {
    const made = await bellhop(['seed', '--user-data', '-', '-o', '-'], { input: EVERY_BYTE })
    const seen = await Promise.all([
      bellhop(['inspect', '-'], { input: EVERY_BYTE }),
      bellhop(['inspect', '-', '-o', 'json'], { input: made.bytes }),
    ])
    for (const text of [made.stderr, ...seen.map(({ stdout, stderr }) => stdout + stderr)])
      assert.doesNotMatch(text, /secret word/)
  })
})

describe('bellhop inspect', { concurrency: 4 }, () => {
  it('says what cloud-init would do with user data', async () => {
    const { code, stdout } = await bellhop(['inspect', '-'], { input: '#!/bin/sh\necho hello\n' })
    assert.equal(code, 0)
    assert.match(
      stdout,
      /^standard input: user data\n {2}size {8}21 B\n {2}SHA-256 {5}[0-9a-f]{64}\n {2}format {6}script\n/,
    )
    assert.match(stdout, /^ {2}cloud-init {2}uses it$/m)
  })

  it('ends well for data of any form, empty ones too', async () => {
    for (const input of ['', 'free form', Buffer.alloc(4096, 0xff)]) {
      const { code, stderr } = await bellhop(['inspect', '-'], { input })
      assert.deepEqual([code, stderr], [0, ''])
    }
  })

  it('lets no label and no name on a disk speak to the terminal', async () => {
    const options = ['--layout', 'nocloud', '--instance-id', 'a\u001b[31m\u0007b']
    const { bytes } = await bellhop(['seed', '--user-data', '-', ...options, '-o', '-'], { input: 'x' })
    const { stdout } = await bellhop(['inspect', '-'], { input: bytes })
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\0-\x09\x0b-\x1f\x7f]/)
  })
})

describe('bellhop, where something is wrong,', { concurrency: 4 }, () => {
  for (const args of [
    ['sed'],
    ['seed'],
    ['seed', '--user-data', '-', '-o', '-', '--format', 'ext4'],
    ['seed', '--user-data', '-', '-o', '-', '--colour', 'red'],
    ['inspect'],
    ['inspect', 'a', 'b'],
    ['inspect', '-', '-o', 'yaml'],
    ['run'],
    ['run', '--user-data', '-', '--by', 'pigeon'],
    ['serve', '--port', '80'],
    ['completion', 'tcsh'],
    ['wait', 'x', '--for', 'ever'],
    ['logs'],
    ['rm'],
    ['update', 'x'],
    [],
  ])
    it(`ends with 2 for the command line "${args.join(' ')}"`, async () => {
      const { code, stdout, stderr } = await bellhop(args)
      assert.deepEqual([code, stdout], [2, ''])
      assert.notEqual(stderr, '')
    })

  for (const [what, args, says] of [
    ['a file that is not there', ['inspect', '/no/such/file'], /cannot read \/no\/such\/file/],
    ['a folder', ['inspect', '/tmp'], /cannot read \/tmp/],
    ['user data that are not there', ['seed', '--user-data', '/no/file', '-o', '-'], /--user-data: cannot read/],
    [
      'variables of what spells none',
      ['seed', '--user-data', '-', '-o', '-', '--variables-from-user-data'],
      /userData: no variables can be made of them: they are no JSON/,
    ],
    ['a hostname that is none', ['seed', '--user-data', '-', '-o', '-', '--hostname', 'my vm'], /--hostname: "my vm"/],
    ['an unknown layout', ['seed', '--user-data', '-', '-o', '-', '--layout', 'gce'], /"gce".*openstack, nocloud, ec2/],
    ['a place where nothing can be written', ['seed', '--user-data', '-', '-o', '/no/dir/x'], /--output: cannot write/],
    ['a configuration that is not there', ['serve', '--config', '/no/bellhop.toml'], /configuration: cannot read/],
    ['a duration that is none', ['run', '--user-data', '-', '--timeout', 'soon'], /"soon" is not a duration/],
    ['an image that is not there', ['run', '/no/image.qcow2', '--user-data', '-'], /image: there is no/],
  ] as const)
    it(`ends with 5 for ${what}`, async () => {
      const { code, stdout, stderr } = await bellhop(args)
      assert.deepEqual([code, stdout], [5, ''])
      assert.match(stderr, says)
      assert.equal(stderr.trimEnd().split('\n').length, 1, 'one line says it')
    })

  it('ends with 5 for a disk that is cut short', async () => {
    const { bytes } = await bellhop(['seed', '--user-data', '-', '-o', '-'], { input: '#!/bin/sh\n' })
    const { code, stdout, stderr } = await bellhop(['inspect', '-'], { input: bytes.subarray(0, 50_000) })
    assert.deepEqual([code, stdout], [5, ''])
    assert.match(stderr, /^bellhop: disk image: .*cut short\?\n$/)
  })

  it('ends with 5 for data over the limit', async () => {
    const input = Buffer.alloc(8 * 1024 * 1024 + 1)
    for (const args of [
      ['seed', '--user-data', '-', '-o', '-'],
      ['inspect', '-'],
    ]) {
      const { code, stderr } = await bellhop(args, { input })
      assert.equal(code, 5)
      assert.match(stderr, /8388609 bytes.*8388608/)
    }
  })

  it('refuses a private key, and shows nothing of it', async () => {
    const key = await file('id', '-----BEGIN OPENSSH PRIVATE KEY-----\nswordfish\n-----END OPENSSH PRIVATE KEY-----\n')
    for (const args of [
      ['seed', '-o', '-'],
      ['run', '/no/image.qcow2'],
    ]) {
      const { code, stderr } = await bellhop([...args, '--user-data', '-', '--ssh-key', key])
      assert.equal(code, 5)
      assert.match(stderr, /is a private key; give its \.pub file/)
      assert.doesNotMatch(stderr, /swordfish/)
    }
  })

  it('says nothing of a reader that closes the pipe early', async () => {
    for (const line of ['"$1" --help | head -c 1', '"$1" seed --user-data "$0" -o - 2>/dev/null | head -c 1']) {
      const { code, stderr } = await run('bash', ['-o', 'pipefail', '-c', line, BELLHOP, BELLHOP])
      assert.deepEqual([code, stderr], [0, ''])
    }
  })
})

describe('bellhop --help', { concurrency: 4 }, () => {
  for (const args of [
    [],
    ...['serve', 'run', 'seed', 'inspect', 'completion'].map((name) => [name]),
    ...['create', 'ls', 'show', 'logs', 'wait', 'ssh', 'update', 'rm', 'plan', 'providers'].map((name) => [name]),
    ['webhook'],
    ...['add', 'ls', 'show', 'rm'].map((name) => ['webhook', name]),
  ])
    it(`shows examples that begin with a command: ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await bellhop([...args, '--help'])
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, /^Examples:\n {2}\$ .*bellhop/m)
    })
})

describe('bellhop completion', { concurrency: 4 }, () => {
  /** What bash offers for the last of these words. */
  async function offered(...words: readonly string[]): Promise<readonly string[]> {
    const script = `source <("$0" completion bash)
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _bellhop; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { code, stdout, stderr } = await run('bash', ['-c', script, BELLHOP, ...words], { cwd: folder })
    assert.equal(code, 0, stderr)
    return stdout.split('\n').filter((word) => word !== '')
  }

  it('is a script that bash takes', async () => {
    const { stdout } = await bellhop(['completion', 'bash'])
    execFileSync('bash', ['-n'], { input: stdout })
    assert.match(stdout, /^complete .*\bbellhop$/m)
  })

  it('offers commands', async () => {
    assert.deepEqual(await offered('bellhop', 's'), ['serve', 'show', 'ssh', 'seed'])
    const atGateways = ['create', 'ls', 'show', 'logs', 'wait', 'ssh', 'update', 'rm', 'plan', 'providers', 'webhook']
    const alone = ['run', 'seed', 'inject', 'inspect', 'metadata', 'completion', '--help', '--version']
    const all = ['serve', ...atGateways, ...alone]
    assert.deepEqual(await offered('bellhop', ''), all)
  })

  it('offers options of the command, and values', async () => {
    assert.deepEqual(await offered('bellhop', 'seed', '--l'), ['--layout', '--label'])
    assert.deepEqual(await offered('bellhop', 'run', '--ti'), ['--timeout'])
    assert.deepEqual(await offered('bellhop', 'completion', 'b'), ['bash'])
    assert.deepEqual(await offered('bellhop', 'wait', '--f'), ['--for'])
  })

  it('offers files', async () => {
    await file('site.yaml', '')
    assert.deepEqual(await offered('bellhop', 'inspect', 'site'), ['site.yaml'])
  })
})
