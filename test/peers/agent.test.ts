import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { writeContextDisk } from '../../src/deliveries/disk.ts'
import { sha256 } from '../../src/model/digest.ts'
import { WEB } from '../conformance/metadata-samples.ts'
import { AGENT, makeMachine } from '../agent/run-agent.ts'
import { needNamespaces, runInside, saveImage, type Tools } from './agent/namespace.ts'
import { need } from './need.ts'

const MOUNT = fileURLToPath(new URL('./agent/mount-unpacked.sh', import.meta.url))
const SHELLS = ['dash', 'bash', 'busybox ash'] as const
const CLIENTS = ['curl', 'GNU wget', 'busybox wget'] as const
const DIGEST = sha256(WEB.userData ?? new Uint8Array())
const KEYS = `${WEB.publicKeys.map(({ text }) => text).join('\n')}\n`

function within(t: TestContext, tools: Tools) {
  const machine = makeMachine(t)
  return {
    ...machine,
    against: (server: string, ...options: readonly string[]) => runInside(t, tools, server, machine.root, options),
  }
}

it('shellcheck finds no fault with the agent, nor with what starts it', (t) => {
  if (!need(t, 'shellcheck', 'shellcheck')) return
  const scripts = [AGENT, `${AGENT}.init`, `${AGENT}.openrc`, MOUNT]
  assert.equal(execFileSync('shellcheck', ['-s', 'sh', ...scripts], { encoding: 'utf8' }), '')
})

for (const shell of SHELLS)
  for (const client of CLIENTS)
    // Most of it is waiting for servers.
    describe(`the agent in ${shell} with ${client}`, { concurrency: 4 }, () => {
      const tools = { shell, client, blkid: true }

      it('does all that our metadata server has, and reports to it', async (t) => {
        if (!needNamespaces(t)) return
        const machine = within(t, tools)
        const ended = await machine.against('ours', '--report', 'http://169.254.169.254/report')
        assert.equal(ended.status, 0, ended.stderr)
        assert.equal(machine.read('root/.ssh/authorized_keys')?.toString(), KEYS)
        assert.equal(machine.read('etc/greeting')?.toString(), 'good evening\n')
        assert.deepEqual(
          machine.words().map(({ kind, method, sha256, exitCode }) => ({ kind, method, sha256, exitCode })),
          [
            { kind: 'fetched', method: 'metadata', sha256: DIGEST, exitCode: undefined },
            { kind: 'applied', method: 'metadata', sha256: DIGEST, exitCode: 0 },
          ],
        )
        const reported = ended.events
          .filter(({ kind }) => kind === 'fetched' || kind === 'applied')
          .map(({ kind }) => kind)
        assert.deepEqual(reported.slice(-2), ['fetched', 'applied'])
      })

      it('ends the search where our server knows the guest and has no data for it', async (t) => {
        if (!needNamespaces(t)) return
        const machine = within(t, tools)
        machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\nprintf injected >"$PWD/trace"\n' })
        assert.equal((await machine.against('ours without data')).status, 0)
        assert.deepEqual([machine.words().at(-1)?.kind, machine.read('trace')], ['finished', undefined])
      })

      for (const server of ['ec2', 'ec2 with tokens alone', 'late: 503 first'])
        it(`takes what it needs of a server: ${server}`, async (t) => {
          if (!needNamespaces(t)) return
          const machine = within(t, tools)
          const ended = await machine.against(server)
          assert.equal(ended.status, 0, ended.stderr + ended.asked.join('\n'))
          assert.equal(machine.read('trace')?.toString(), 'served')
          assert.equal(machine.read('root/.ssh/authorized_keys')?.toString(), KEYS)
          assert.equal(machine.read('etc/hostname')?.toString(), 'web-1\n')
        })

      for (const [server, reason] of [
        ['none', /no answer/],
        ['a portal', /HTML|no JSON/],
        ['a portal that calls its pages text', /no JSON|HTML/],
        ['redirecting', /elsewhere/],
        ['with wrong lengths', /of \d+|broke off/],
        ['endless', /more than \d+ bytes|no answer/],
        ['dripping', /no answer|broke off|no end/],
        ['silent', /no answer|no end/],
        ['absent', /no answer|no end/],
        ['that knows nobody', /nothing for this machine/],
        ['whose user data fail', /answers 500/],
      ] as const)
        it(`is not misled by a server, and goes on to the next way: ${server}`, async (t) => {
          if (!needNamespaces(t)) return
          const machine = within(t, tools)
          machine.put({ 'cernvm/extra-user-data': '#!/bin/sh\nprintf injected >"$PWD/trace"\n' })
          const ended = await machine.against(server, '--wait', '6')
          assert.equal(machine.read('trace')?.toString(), 'injected', ended.stderr)
          assert.equal(ended.status, 0, ended.stderr)
          assert.equal(machine.words().at(-1)?.method, 'injection')
          const explained = await machine.against(server, '--wait', '4', '--explain', '--only', 'metadata')
          assert.match(explained.stdout, reason)
          assert.equal(explained.status, 3)
        })
    })

/** Layouts for one disk each, as guests get them and alone. */
const DISKS: readonly (readonly [layouts: readonly string[], label: string, format: 'iso' | 'vfat'])[] = [
  [['openstack', 'nocloud', 'ec2', 'opennebula', 'hepix'], 'config-2', 'iso'],
  [['openstack'], 'config-2', 'vfat'],
  [['nocloud'], 'cidata', 'iso'],
  [['nocloud'], 'cidata', 'vfat'],
  [['opennebula'], 'CONTEXT', 'iso'],
  [['opennebula'], 'CDROM', 'iso'],
  [['hepix'], 'any', 'iso'],
  [['stratuslab', 'nocloud', 'openstack'], '_CLOUD_INIT', 'vfat'],
  [['stratuslab'], '_CLOUD_INIT', 'vfat'],
  [['stratuslab-one'], '_STRATUSLAB', 'iso'],
]

for (const shell of SHELLS)
  for (const blkid of [true, false])
    describe(`the agent in ${shell} ${blkid ? 'with' : 'without'} blkid`, { concurrency: 2 }, () => {
      const tools = { shell, client: 'none', blkid } as const

      it('applies every disk that we write', async (t) => {
        if (!needNamespaces(t)) return
        const images = mkdtempSync(join(tmpdir(), 'bellhop-agent-disks-'))
        t.after(() => rmSync(images, { recursive: true }))
        for (const [layouts, label, format] of DISKS) {
          const machine = within(t, tools)
          const image = saveImage(
            images,
            `${layouts.join('-')}-${label}.${format}`,
            writeContextDisk(WEB, { layouts, label, format }),
          )
          const ended = await machine.against('none', '--disk', image, '--only', 'disk')
          const what = `${label} ${layouts.join()}: ${ended.stderr}`
          assert.equal(ended.status, 0, what)
          const last = machine.words().at(-1)
          assert.deepEqual(
            [last?.kind, last?.method, last?.sha256, last?.exitCode],
            ['applied', 'disk', DIGEST, 0],
            what,
          )
          assert.equal(machine.read('root/.ssh/authorized_keys')?.toString(), KEYS, what)
        }
      })

      it('refuses broken ones, and applies the whole one behind them', async (t) => {
        if (!needNamespaces(t)) return
        const images = mkdtempSync(join(tmpdir(), 'bellhop-agent-disks-'))
        t.after(() => rmSync(images, { recursive: true }))
        const whole = writeContextDisk(WEB, { layouts: ['openstack'], label: 'config-2', format: 'iso' })
        const vfat = writeContextDisk(WEB, { layouts: ['openstack'], label: 'config-2', format: 'vfat' })
        const garbled = Buffer.from(whole)
        garbled.fill(0xff, 18 * 2048)
        const broken = {
          'empty.img': new Uint8Array(),
          'garbage.img': Buffer.alloc(1024 ** 2, 'garbage '),
          'cut.iso': whole.subarray(0, 17 * 2048),
          'garbled.iso': garbled,
          'cut.img': vfat.subarray(0, 700),
        }
        const disks = Object.entries(broken).flatMap(([name, image]) => ['--disk', saveImage(images, name, image)])
        const machine = within(t, tools)
        const alone = await machine.against('none', '--only', 'disk', ...disks)
        assert.equal(alone.status, 3, alone.stderr)
        const ended = await machine.against(
          'none',
          '--only',
          'disk',
          ...disks,
          '--disk',
          saveImage(images, 'whole.iso', whole),
        )
        assert.equal(ended.status, 0, ended.stderr)
        assert.equal(machine.words().at(-1)?.sha256, DIGEST)
      })
    })
