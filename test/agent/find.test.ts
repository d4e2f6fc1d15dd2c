import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { renderContextSh } from '../../src/formats/context-sh.ts'
import { isVariableName } from '../../src/layouts/context-sh-variables.ts'
import { DISK_LAYOUTS } from '../../src/layouts/index.ts'
import { sha256 } from '../../src/model/digest.ts'
import { textFile, type Files } from '../../src/model/files.ts'
import { reportingTo } from '../../src/service/vendor-data.ts'
import { BARE, WEB } from '../conformance/metadata-samples.ts'
import { makeMachine, SHELLS } from './run-agent.ts'

const KEYS = `${WEB.publicKeys.map(({ text }) => text).join('\n')}\n`
const DIGEST = sha256(WEB.userData ?? new Uint8Array())

/** What a layout's disk has the agent call the instance, and whether it carries a hostname, variables and files. */
const LAYOUTS: Readonly<
  Record<string, { readonly id: RegExp; readonly hostname: boolean; readonly variables: boolean }>
> = {
  openstack: { id: /^4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11$/, hostname: true, variables: true },
  nocloud: { id: /^4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11$/, hostname: true, variables: true },
  ec2: { id: /^i-[0-9a-f]{17}$/, hostname: true, variables: false },
  opennebula: { id: /^sha256-[0-9a-f]{64}$/, hostname: true, variables: true },
  hepix: { id: /^sha256-[0-9a-f]{64}$/, hostname: true, variables: true },
  stratuslab: { id: /^4f8c2b9e-0a51-4a57-9f0e-2f1b7f0c6a11$/, hostname: false, variables: false },
  'stratuslab-one': { id: /^sha256-[0-9a-f]{64}$/, hostname: true, variables: true },
}

const tree = (files: Readonly<Record<string, string>>): Files =>
  new Map(Object.entries(files).map(([path, text]) => [path, textFile(text)]))

describe('the agent finds on a disk', () => {
  for (const [name, layout] of Object.entries(DISK_LAYOUTS))
    for (const shell of SHELLS.slice(0, name === 'openstack' ? SHELLS.length : 1))
      it(`all of the layout ${name}, in ${shell.join(' ')}`, async (t) => {
        const expected = LAYOUTS[name]
        assert.ok(expected, 'a new layout: say what the agent makes of it')
        const machine = makeMachine(t, shell)
        const ran = await machine.run('--only', 'disk', '--disk', machine.disk(layout.render(WEB)))
        assert.equal(ran.status, 0, ran.stderr)
        const [fetched, applied] = machine.words()
        assert.deepEqual(
          [fetched?.kind, fetched?.method, fetched?.sha256, fetched?.bytes],
          ['fetched', 'disk', DIGEST, WEB.userData?.length],
        )
        assert.match(fetched?.detail?.split(' ').at(-1) ?? '', expected.id)
        assert.deepEqual([applied?.kind, applied?.exitCode, applied?.sha256], ['applied', 0, DIGEST])
        assert.equal(machine.read('root/.ssh/authorized_keys')?.toString(), KEYS)
        assert.equal(machine.read('etc/hostname')?.toString(), expected.hostname ? `${WEB.hostname}\n` : undefined)
        assert.equal(
          machine.read('var/lib/bellhop/variables.sh')?.toString(),
          expected.variables ? "role='web'\n" : undefined,
        )
        if (name === 'openstack') assert.equal(machine.read('etc/greeting')?.toString(), 'good evening\n')
      })

  it('an instance without data, which ends the search', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\ntouch "$PWD/trace"\n' })
    const layout = DISK_LAYOUTS['openstack']
    assert.ok(layout)
    const ran = await machine.run('--disk', machine.disk(layout.render(BARE)), '--only', 'disk', '--only', 'injection')
    assert.equal(ran.status, 0, ran.stderr)
    assert.equal(machine.words().at(-1)?.detail, 'no user data are offered')
    assert.equal(machine.read('trace'), undefined)
  })

  it('what other tools write: YAML metadata, user data in clear, a key in a file of its own', async (t) => {
    const nocloud = makeMachine(t)
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f x'
    const seed = {
      'meta-data': `instance-id: web-1 # ours\nlocal-hostname: web\npublic-keys:\n  - ${key}\n`,
      'user-data': 'x',
    }
    assert.equal((await nocloud.run('--only', 'disk', '--disk', nocloud.disk(tree(seed)))).status, 0)
    assert.equal(nocloud.read('etc/hostname')?.toString(), 'web\n')
    assert.equal(nocloud.read('root/.ssh/authorized_keys')?.toString(), `${key}\n`)
    const old = makeMachine(t)
    const context = {
      'context.sh': 'ROOT_PUBKEY="id.pub"\nUSER_DATA="#!/bin/sh\nexit 0"\nETH0_IP="10.0.0.1"\n',
      'id.pub': key,
    }
    assert.equal((await old.run('--only', 'disk', '--disk', old.disk(tree(context)))).status, 0)
    assert.equal(old.read('root/.ssh/authorized_keys')?.toString(), `${key}\n`)
    assert.equal(old.words().at(-1)?.kind, 'applied')
  })

  it('nothing that a shell would have to run to read it, and says in which line', async (t) => {
    for (const line of ['A=$(touch "$PWD/trace")', 'A="`id`"', 'touch trace', 'A=1; B=2', "A='x"]) {
      const machine = makeMachine(t)
      const disk = machine.disk(tree({ 'context.sh': `# a comment\n${line}\nUSER_DATA='eA=='\n` }))
      assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 3, line)
      assert.match(machine.words().at(-1)?.detail ?? '', /context\.sh: line 2/, line)
      assert.equal(machine.read('trace'), undefined)
    }
  })

  it('no file through a link, be it the file or a folder above it', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'secret/meta_data.json': '{"uuid":"a"}', 'secret/user_data': '#!/bin/sh\ntouch "$PWD/trace"\n' })
    const disk = machine.disk(new Map())
    mkdirSync(join(disk, 'openstack'))
    symlinkSync(join(machine.root, 'secret'), join(disk, 'openstack/latest'))
    assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 3)
    rmSync(join(disk, 'openstack/latest'))
    mkdirSync(join(disk, 'openstack/latest'))
    writeFileSync(join(disk, 'openstack/latest/meta_data.json'), '{"uuid":"a"}')
    symlinkSync(join(machine.root, 'secret/user_data'), join(disk, 'openstack/latest/user_data'))
    assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 0)
    assert.equal(machine.words().at(-1)?.detail, 'no user data are offered')
    assert.equal(machine.read('trace'), undefined)
  })

  it('no file that it would have to write outside of where a file can be', async (t) => {
    const machine = makeMachine(t)
    const files = ['/../x', '/a/../../x', 'x', '/a//b', '/etc/', '/a\tb', '/a\\b'].map((path) => ({
      path,
      content_path: '/content/0000',
    }))
    const disk = machine.disk(
      tree({ 'openstack/latest/meta_data.json': JSON.stringify({ uuid: 'a', files }), 'openstack/content/0000': 'x' }),
    )
    assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 1)
    assert.equal(machine.read('../x'), undefined)
    assert.deepEqual(
      readdirSync(machine.root).filter((name) => name.startsWith('a')),
      [],
    )
  })

  it('no more than it takes', async (t) => {
    const machine = makeMachine(t)
    const bytes = Buffer.alloc(4 * 1024 ** 2 + 1, 'x')
    const disk = machine.disk(
      new Map([
        ['user-data', { bytes }],
        ['meta-data', textFile('{}')],
      ]),
    )
    assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 3)
    assert.match(machine.words().at(-1)?.detail ?? '', /more than 4194304 bytes/)
  })
})

describe('the agent', () => {
  it('takes a disk before a file, and a disk that can be read before one that cannot', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\nprintf file >"$PWD/trace"\n' })
    const broken = machine.disk(tree({ 'openstack/latest/meta_data.json': '{"uuid":' }))
    const whole = machine.disk(tree({ 'meta-data': '', 'user-data': '#!/bin/sh\nprintf disk >"$PWD/trace"\n' }))
    const ways = ['--only', 'disk', '--only', 'injection']
    assert.equal((await machine.run(...ways, '--disk', broken, '--disk', '/nowhere', '--disk', whole)).status, 0)
    assert.equal(machine.read('trace')?.toString(), 'disk')
    assert.equal((await machine.run(...ways, '--disk', broken)).status, 0)
    assert.equal(machine.read('trace')?.toString(), 'file')
    const { stdout } = await machine.run(...ways, '--disk', broken, '--disk', '/nowhere', '--explain')
    assert.match(stdout, /^disk: .*disk-1: openstack\/latest\/meta_data.json is no JSON$/m)
    assert.match(stdout, /^disk: \/nowhere: there is no such disk$/m)
  })

  it('finds injected files where others put them, in their order', async (t) => {
    const machine = makeMachine(t)
    const found = async (): Promise<string | undefined> =>
      /^injection would be taken[^]*user data: (\d+) bytes/m.exec(
        (await machine.run('--only', 'injection', '--explain')).stdout,
      )?.[1]
    machine.put({ 'cernvm/extra-user-data': '1' })
    assert.equal(await found(), '1')
    machine.put({ 'context/context.sh': "USER_DATA='22'\n" })
    assert.equal(await found(), '2')
    machine.put({
      'config-drive/openstack/latest/meta_data.json': '{"uuid":"a"}',
      'config-drive/openstack/latest/user_data': '333',
    })
    assert.equal(await found(), '3')
    machine.put({ 'var/lib/cloud/seed/nocloud/meta-data': '', 'var/lib/cloud/seed/nocloud/user-data': '4444' })
    assert.equal(await found(), '4')
  })

  it('reports to where the gateway’s vendor data say', async (t) => {
    const machine = makeMachine(t)
    const url = 'http://169.254.169.254/report'
    const seed = { 'meta-data': '', 'user-data': 'x', 'vendor-data': reportingTo(url) }
    const { stdout } = await machine.run('--only', 'disk', '--disk', machine.disk(tree(seed)), '--explain')
    assert.match(stdout, new RegExp(`^would report to ${url}$`, 'm'))
  })

  it('empties an injected file after it was applied, where it is told to', async (t) => {
    const machine = makeMachine(t)
    machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\nexit 0\n' })
    assert.equal((await machine.run('--only', 'injection', '--empty-seed')).status, 0)
    assert.equal(machine.read('cernvm/extra-user-data')?.length, 0)
  })

  it('writes variables that a shell reads as they were sent', async (t) => {
    const names = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,6}$/).filter(isVariableName)
    const values = fc.string({ unit: 'binary' }).map((text) => text.replaceAll('\0', '').toWellFormed())
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, values, { minKeys: 1, noNullPrototype: true }), async (variables) => {
        const machine = makeMachine(t)
        const all = new Map(Object.entries(variables)).set('USER_DATA', 'x')
        const disk = machine.disk(tree({ 'context.sh': renderContextSh(all) }))
        assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 0)
        const file = join(machine.root, 'var/lib/bellhop/variables.sh')
        const show = 'process.stdout.write(JSON.stringify(process.env))'
        const script = 'set -a; . "$1"; exec "$2" -e "$3"'
        const shown = execFileSync('sh', ['-c', script, 'sh', file, process.execPath, show], { env: {} })
        const { PWD: _, OLDPWD: __, ...sourced } = JSON.parse(String(shown)) as Record<string, string>
        assert.deepEqual(sourced, variables)
      }),
      { numRuns: 5 },
    )
  })

  it('keeps to itself the variables whose names shells and clouds keep for themselves', async (t) => {
    const machine = makeMachine(t)
    const names = [
      'PATH',
      'IFS',
      'TOKEN',
      'ETH0_IP',
      'LD_X',
      'BASH_ENV',
      'PASSWORD',
      'ETHX',
      'LDX',
      'ENVY',
      'PCI1_X',
      'USER_DATA',
    ]
    const disk = machine.disk(tree({ 'context.sh': renderContextSh(new Map(names.map((name) => [name, 'x']))) }))
    assert.equal((await machine.run('--only', 'disk', '--disk', disk)).status, 0)
    const kept = names.filter(isVariableName).toSorted()
    assert.deepEqual(kept, ['ENVY', 'ETHX', 'LDX'])
    assert.equal(String(machine.read('var/lib/bellhop/variables.sh')), kept.map((name) => `${name}='x'\n`).join(''))
  })
})
