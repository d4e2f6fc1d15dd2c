import assert from 'node:assert/strict'
import { chmodSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sha256 } from '../../src/model/digest.ts'
import { makeMachine, SHELLS, type Machine, type Run } from './run-agent.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane'
const OTHER_KEY = 'ssh-rsa AAAAB3NzaC1yc2E= other'

/** Runs the agent on user data that somebody injected. */
async function apply(
  t: TestContext,
  userData: string | Uint8Array,
  shell: readonly string[] = ['sh'],
): Promise<Machine & { readonly ran: Run }> {
  const machine = makeMachine(t, shell)
  machine.put({ 'cernvm/extra-user-data': userData })
  const ran = await machine.run('--only', 'injection')
  return { ...machine, ran }
}

const lastWord = (machine: Machine) => machine.words().at(-1)

for (const shell of SHELLS)
  describe(`the agent in ${shell.join(' ')}`, () => {
    it('runs a script, tells its exit code and the bytes that it read, and leaves no trace of its work', async (t) => {
      const script = '#!/bin/sh\nprintf ran >"$PWD/trace"\nexit 0\n'
      const machine = await apply(t, script, shell)
      assert.equal(machine.ran.status, 0, machine.ran.stderr)
      assert.equal(machine.read('trace')?.toString(), 'ran')
      const digest = sha256(Buffer.from(script))
      const said = { speaker: 'agent', method: 'injection', sha256: digest }
      assert.deepEqual(
        machine.words().map(({ detail: _, ...word }) => word),
        [
          { ...said, kind: 'fetched', path: '/cernvm/extra-user-data', bytes: script.length },
          { ...said, kind: 'applied', exitCode: 0 },
        ],
      )
      assert.deepEqual(machine.read('var/lib/bellhop/user-data')?.toString(), script)
      assert.equal(machine.read('var/lib/bellhop-agent/lock/holder'), undefined)
    })

    it('says of a script that fails with what it failed, and nothing that it printed', async (t) => {
      const machine = await apply(t, '#!/bin/sh\necho s3cret\nexit 7\n', shell)
      assert.equal(machine.ran.status, 1)
      const word = lastWord(machine)
      assert.deepEqual([word?.kind, word?.exitCode], ['failed', 7])
      assert.doesNotMatch(machine.ran.stdout + machine.ran.stderr + String(machine.read('console')), /s3cret/)
    })

    it('does the parts of a message in their order, and says which it cannot do', async (t) => {
      const machine = await apply(t, message(), shell)
      assert.equal(machine.read('trace')?.toString(), 'onetwothree')
      assert.equal(machine.ran.status, 4, machine.ran.stderr)
      const word = lastWord(machine)
      assert.equal(word?.kind, 'finished')
      assert.match(word?.detail ?? '', /^not done: part 4: text\/x-unheard-of; part 5: a message in a message/)
    })
  })

function message(): string {
  const append = (word: string): string => `#!/bin/sh\nprintf ${word} >>"$PWD/trace"\n`
  return [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed;',
    ' boundary="=_b"',
    '',
    'To be ignored.',
    '--=_b',
    'Content-Type: text/x-shellscript; charset="utf-8"',
    '',
    append('one'),
    '--=_b',
    'Content-Type: text/plain',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.from(append('two')).toString('base64').replaceAll(/.{20}/g, '$&\n'),
    '--=_b',
    'Content-Type: text/x-shellscript',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    append('three').replaceAll('"', '=22').replace('printf ', 'printf =\n'),
    '--=_b',
    'Content-Type: text/x-unheard-of',
    '',
    'x',
    '--=_b',
    'Content-Type: multipart/mixed; boundary=inner',
    '',
    '--inner\n\n#!/bin/sh\nprintf four >>"$PWD/trace"\n--inner--',
    '--=_b--',
    '',
  ].join('\n')
}

describe('the agent and user data', () => {
  it('runs what is gzip, and once alone', async (t) => {
    const machine = await apply(t, gzipSync('#!/bin/sh\nprintf x >>"$PWD/trace"\n'))
    assert.equal((await machine.run('--only', 'injection')).status, 0)
    assert.equal(machine.read('trace')?.toString(), 'x')
    assert.match(lastWord(machine)?.detail ?? '', /done in an earlier run; nothing is applied again$/)
    await machine.run('--only', 'injection', '--again')
    assert.equal(machine.read('trace')?.toString(), 'xx')
  })

  it('runs it again under a new instance id, and not under the same with other data, which it says', async (t) => {
    const machine = makeMachine(t)
    const seed = (id: string, word: string): void =>
      machine.put({
        'var/lib/cloud/seed/nocloud/meta-data': `instance-id: ${id}\n`,
        'var/lib/cloud/seed/nocloud/user-data': `#!/bin/sh\nprintf ${word} >>"$PWD/trace"\n`,
      })
    for (const [id, word] of [
      ['a', '1'],
      ['a', '2'],
      ['b', '3'],
    ] as const) {
      seed(id, word)
      assert.equal((await machine.run('--only', 'injection')).status, 0)
    }
    assert.equal(machine.read('trace')?.toString(), '13')
    assert.match(machine.words()[2]?.detail ?? '', /although the user data are others now$/)
  })

  it('does not run again a script that was cut short, as by a reboot that it asked for', async (t) => {
    const machine = await apply(t, '#!/bin/sh\nprintf x >>"$PWD/trace"\nkill -9 $PPID\n')
    assert.equal(machine.ran.status, null)
    await machine.run('--only', 'injection')
    assert.equal(machine.read('trace')?.toString(), 'x')
    assert.match(lastWord(machine)?.detail ?? '', /cut short/)
  })

  it('keeps every byte, NULs too, of what it does not know', async (t) => {
    const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256))
    const machine = await apply(t, bytes)
    assert.equal(machine.ran.status, 0, machine.ran.stderr)
    assert.deepEqual(machine.read('var/lib/bellhop/user-data'), bytes)
    assert.equal(lastWord(machine)?.kind, 'finished')
  })

  it('writes a JSON dictionary where programs find it, and what is safe of it as variables', async (t) => {
    const data = JSON.stringify({
      role: 'it\'s $(touch x) `id` \\ "q"\nline 2 é😀',
      workers: 4,
      on: true,
      nested: { a: 1 },
      'no name': 'x',
      PATH: '/evil',
      LD_PRELOAD: '/evil',
      nul: 'a\0b',
    })
    const machine = await apply(t, data)
    assert.equal(machine.ran.status, 0, machine.ran.stderr)
    assert.equal(machine.read('var/lib/bellhop/user-data.json')?.toString(), data)
    const variables = machine.read('var/lib/bellhop/variables.sh')?.toString()
    assert.equal(variables, "role='it'\\''s $(touch x) `id` \\ \"q\"\nline 2 é😀'\nworkers='4'\non='true'\n")
    assert.equal(statSync(join(machine.root, 'var/lib/bellhop')).mode & 0o777, 0o700)
    assert.equal(statSync(join(machine.root, 'var/lib/bellhop/variables.sh')).mode & 0o777, 0o600)
    assert.deepEqual([lastWord(machine)?.kind, lastWord(machine)?.exitCode], ['applied', 0])
  })

  it('does of a cloud-config what it can, and names the keys that it cannot', async (t) => {
    const machine = await apply(
      t,
      `#cloud-config
hostname: web-1
ssh_authorized_keys:
  - ${KEY}
write_files:
  - path: /srv/app/greeting
    permissions: '0640'
    content: |
      good
        evening
  - {path: /x}
runcmd:
  - printf "run" >"$PWD/trace"
packages: [nginx]
`,
    )
    assert.equal(machine.ran.status, 4, machine.ran.stderr)
    assert.match(lastWord(machine)?.detail ?? '', /^not done: cloud-config: write_files; cloud-config: packages$/)
    assert.equal(machine.read('etc/hostname')?.toString(), 'web-1\n')
    assert.equal(machine.read('root/.ssh/authorized_keys')?.toString(), `${KEY}\n`)
    assert.equal(machine.read('trace')?.toString(), 'run')
  })

  it('writes the files of a cloud-config with their modes', async (t) => {
    const machine = await apply(
      t,
      `#cloud-config
write_files:
- path: /srv/app/greeting
  permissions: "0640"
  content: |
    good
      evening
- path: /srv/app/binary
  encoding: b64
  content: AAEC/w==
`,
    )
    assert.equal(machine.ran.status, 0, machine.ran.stderr)
    assert.equal(machine.read('srv/app/greeting')?.toString(), 'good\n  evening\n')
    assert.equal(statSync(join(machine.root, 'srv/app/greeting')).mode & 0o777, 0o640)
    assert.deepEqual(machine.read('srv/app/binary'), Buffer.from([0, 1, 2, 255]))
  })

  it('ends the last line of a text as the file does', async (t) => {
    for (const [end, content] of [
      ['', 'good\nevening'],
      ['\n', 'good\nevening\n'],
      ['\n  ', 'good\nevening\n'],
    ] as const) {
      const machine = await apply(
        t,
        `#cloud-config\nwrite_files:\n- path: /greeting\n  content: |\n    good\n    evening${end}`,
      )
      assert.equal(machine.read('greeting')?.toString(), content, JSON.stringify(end))
    }
  })

  it('does nothing of a cloud-config of which any line could be misread', async (t) => {
    const lines = [
      'a: [1,',
      'a: >',
      'a: &x y',
      '\ta: b',
      'hostname: again',
      'a: b: c',
      'a: <<',
      'on: a',
      'a: |\n   \n  b',
    ]
    for (const line of lines) {
      const machine = await apply(t, `#cloud-config\nhostname: web-1\n${line}\n`)
      assert.equal(machine.ran.status, 4, line)
      assert.equal(machine.read('etc/hostname'), undefined, line)
    }
  })
})

describe('the agent and keys', () => {
  const seed = (machine: Machine, keys: readonly string[]): void =>
    machine.put({
      'var/lib/cloud/seed/nocloud/meta-data': JSON.stringify({ 'instance-id': 'a', 'public-keys': keys }),
      'var/lib/cloud/seed/nocloud/user-data': '',
    })

  it('appends those that the user does not have, a line each, and takes away none', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'home/jane/.ssh/authorized_keys': `# mine\n${KEY}` })
    chmodSync(join(machine.root, 'home/jane/.ssh'), 0o755)
    seed(machine, [KEY, OTHER_KEY, 'no key', OTHER_KEY])
    assert.equal((await machine.run('--only', 'injection', '--user', 'jane')).status, 0)
    assert.equal(machine.read('home/jane/.ssh/authorized_keys')?.toString(), `# mine\n${KEY}\n${OTHER_KEY}\n`)
    assert.equal(statSync(join(machine.root, 'home/jane/.ssh')).mode & 0o777, 0o700)
    assert.equal(statSync(join(machine.root, 'home/jane/.ssh/authorized_keys')).mode & 0o777, 0o600)
    assert.equal(lastWord(machine)?.kind, 'finished')
  })

  it('goes through no link that the user made', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'home/jane/x': '', victim: 'v\n' })
    machine.put({ 'home/jane/.ssh/x': '' })
    symlinkSync(join(machine.root, 'victim'), join(machine.root, 'home/jane/.ssh/authorized_keys'))
    seed(machine, [KEY])
    assert.equal((await machine.run('--only', 'injection', '--user', 'jane')).status, 1)
    assert.equal(machine.read('victim')?.toString(), 'v\n')
  })
})

describe('the agent beside cloud-init', () => {
  const found = JSON.stringify({ v1: { datasource: 'DataSourceNoCloud [seed=x]', errors: [] } }, null, 1)

  it('runs nothing that cloud-init has run, and handles JSON, which that ignores', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'run/cloud-init/result.json': found, 'cernvm/extra-user-data': '#!/bin/sh\ntouch "$PWD/trace"\n' })
    assert.equal((await machine.run('--only', 'injection')).status, 0)
    assert.equal(machine.read('trace'), undefined)
    assert.match(lastWord(machine)?.detail ?? '', /^cloud-init is here/)
    machine.put({ 'cernvm/extra-user-data': '{"a":"b"}' })
    assert.equal((await machine.run('--only', 'injection')).status, 0)
    assert.equal(machine.read('var/lib/bellhop/user-data.json')?.toString(), '{"a":"b"}')
  })

  it('does all where cloud-init found no source', async (t) => {
    const machine = makeMachine(t)
    machine.put({
      'run/cloud-init/result.json': found.replace('NoCloud [seed=x]', 'None'),
      'cernvm/extra-user-data': '#!/bin/sh\ntouch "$PWD/trace"\n',
    })
    assert.equal((await machine.run('--only', 'injection')).status, 0)
    assert.ok(machine.read('trace'))
  })
})

describe('the agent itself', () => {
  it('changes nothing when it explains', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\ntouch "$PWD/trace"\n' })
    const { status, stdout } = await machine.run('--only', 'injection', '--explain')
    assert.equal(status, 0)
    assert.match(stdout, /^injection would be taken, as instance sha256-[0-9a-f]{64}$/m)
    assert.match(stdout, /^would run a script of 29 bytes$/m)
    for (const path of ['trace', 'console', 'run', 'var']) assert.throws(() => statSync(join(machine.root, path)), path)
  })

  it('works alone: a second one ends with 5, and a lock of an earlier boot is nobody’s', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\necho x\n' })
    machine.put({ 'var/lib/bellhop-agent/lock/holder': 'another-boot 1\n' })
    assert.equal((await machine.run('--only', 'injection')).status, 0)
    machine.put({
      'cernvm/extra-user-data': '#!/bin/sh\ntouch "$PWD/at-work"\nwhile [ ! -e "$PWD/go" ]; do sleep 0.1; done\n',
    })
    const first = machine.run('--only', 'injection')
    while (machine.read('at-work') === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal((await machine.run('--only', 'injection')).status, 5)
    machine.put({ go: '' })
    assert.equal((await first).status, 0)
  })

  it('takes options from its configuration, which it does not run, and refuses what it does not know', async (t) => {
    const machine = makeMachine(t)
    machine.put({
      'etc/bellhop-agent.conf': '# mine\nonly = injection\nuser = $(touch /tmp/x)\n',
      'cernvm/extra-user-data': 'x',
    })
    const ran = await machine.run()
    assert.equal(ran.status, 2)
    assert.match(ran.stderr, /--user takes a name/)
    machine.put({ 'etc/bellhop-agent.conf': 'file = /nowhere\nonly=injection\n' })
    assert.equal((await machine.run()).status, 0)
    machine.put({ 'etc/bellhop-agent.conf': 'nonsense = 1\n' })
    assert.equal((await machine.run()).status, 2)
    assert.equal((await machine.run('--nonsense')).status, 2)
  })

  it('does all although nobody takes its reports', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\ntouch "$PWD/trace"\n' })
    // Nothing listens on port 1.
    const ran = await machine.run('--only', 'injection', '--report', 'http://127.0.0.1:1/report')
    assert.equal(ran.status, 0)
    assert.match(ran.stderr, /no more are sent/)
    assert.ok(machine.read('trace'))
  })

  it('ends with 3 where nothing is found, and says so for each way', async (t) => {
    const machine = makeMachine(t)
    const ran = await machine.run('--only', 'injection')
    assert.equal(ran.status, 3)
    assert.match(lastWord(machine)?.detail ?? '', /^nothing was found: .*injection: no file with data is in the image$/)
  })
})
