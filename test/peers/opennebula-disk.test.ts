import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { writeContextDisk } from '../../src/deliveries/disk.ts'
import { renderContextSh } from '../../src/formats/context-sh.ts'
import { isVariableName } from '../../src/layouts/context-sh-variables.ts'
import { GUEST_DISKS } from '../../src/layouts/guest-disks.ts'
import { opennebula } from '../../src/layouts/opennebula.ts'
import { sha256 } from '../../src/model/digest.ts'
import { CONTEXT, SCRIPT } from './cloud-init/context.ts'
import { cloudInitRootfs, needCloudInit, runCloudInit, type Outcome } from './cloud-init/peer.ts'
import { PYTHON } from './need.ts'

/** Whose disk, under which other label, and which of cloud-init's sources must then find it. */
interface Disk {
  readonly guest: string
  readonly label?: string
  /** What an image is set to, where cloud-init does not find such a disk by itself. */
  readonly sources?: string
  readonly found: RegExp
  /** The instance id that cloud-init then has. */
  readonly instanceId?: string
  /** What of the context the disk cannot say. */
  readonly without?: 'hostname'
}

const DISKS: readonly Disk[] = [
  { guest: 'one-context', found: /^DataSourceOpenNebula /, instanceId: 'iid-dsopennebula' },
  // What OpenNebula's disks were called before it labelled them.
  { guest: 'one-context', label: 'CDROM', found: /^DataSourceOpenNebula /, instanceId: 'iid-dsopennebula' },
  { guest: 'cloud-init', found: /^DataSourceConfigDrive / },
  { guest: 'hepix', found: /^DataSourceConfigDrive / },
  { guest: 'nocloud', found: /^DataSourceNoCloud / },
  { guest: 'stratuslab', sources: 'ConfigDrive, None', found: /^DataSourceConfigDrive .*ver=2/ },
  { guest: 'stratuslab', label: 'CIDATA', found: /^DataSourceNoCloud / },
]

describe('one disk for many guests, as cloud-init reads it', () => {
  for (const { guest, label, sources, found, instanceId = CONTEXT.guestId } of DISKS)
    it(`runs the very bytes of the user data: ${guest}'s, labelled ${label ?? diskFor(guest).label}`, async (t) => {
      if (!needCloudInit(t)) return
      const disk = writeContextDisk(
        { ...CONTEXT, userData: SCRIPT },
        { ...diskFor(guest), ...(label === undefined ? {} : { label }) },
      )
      const outcome = await runCloudInit(t, { disk, ...(sources === undefined ? {} : { sources }) })
      assert.match(outcome.dataSource, found)
      assertRan(outcome, instanceId)
      assert.equal(textOf(outcome.read('/etc/hostname')), CONTEXT.hostname)
    })

  it("runs them from StratusLab's config drive of version 1, which its images know alone", async (t) => {
    if (!needCloudInit(t)) return
    const context = { ...CONTEXT, userData: SCRIPT }
    const disk = writeContextDisk(context, { layouts: ['stratuslab'], format: 'vfat' })
    const outcome = await runCloudInit(t, { disk, sources: 'ConfigDrive, None' })
    assert.match(outcome.dataSource, /^DataSourceConfigDrive .*ver=1/)
    assertRan(outcome, CONTEXT.guestId)
  })

  it('has no copy of the user data that differs: whichever source comes first, the others say the same', async (t) => {
    if (!needCloudInit(t)) return
    const disk = writeContextDisk({ ...CONTEXT, userData: SCRIPT }, { ...diskFor('one-context') })
    for (const sources of ['OpenNebula, None', 'ConfigDrive, None']) assertRan(await runCloudInit(t, { disk, sources }))
  })
})

/** Calls cloud-init's own reader of `context.sh`: a list of files' texts in, of what it makes of each out. */
const READ_ALL = `
import json, sys
from cloudinit.sources import DataSourceOpenNebula as source
def read(text):
    variables = source.parse_shell_config(text)
    cards = {'52:54:00:00:00:01': 'eth0', '52:54:00:00:00:02': 'eth1'}
    network = source.OpenNebulaNetwork(variables, None, cards).gen_conf() if 'ETH0_IP' in variables else None
    return {'variables': variables, 'network': network}
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
`

interface ReadByCloudInit {
  readonly variables: Readonly<Record<string, string>>
  /** cloud-init's network config of version 2. */
  readonly network: unknown
}

async function readByCloudInit(texts: readonly string[]): Promise<readonly ReadByCloudInit[]> {
  const env = { PYTHONPATH: join(await cloudInitRootfs(), 'usr/lib/python3/dist-packages'), LC_ALL: 'C.UTF-8' }
  const said = execFileSync(PYTHON, ['-c', READ_ALL], { env, input: JSON.stringify(texts), encoding: 'utf8' })
  return JSON.parse(said) as readonly ReadByCloudInit[]
}

describe("a context.sh, by cloud-init's own reader", () => {
  it('has every value that we wrote', async (t) => {
    if (!needCloudInit(t)) return
    const name = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/).filter(isVariableName)
    const hard = fc.constantFrom("'", '"', '\\', '\n', '$A', '`A`', '#', ' ', '~', '!', '=', ';', 'é😀', 'a')
    const value = fc.array(hard, { minLength: 1, maxLength: 8 }).map((words) => words.join(''))
    const written = fc.sample(fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true }), 50)
    const read = await readByCloudInit(written.map((variables) => renderContextSh(new Map(Object.entries(variables)))))
    assert.deepEqual(
      read.map(({ variables }) => variables),
      written,
    )
  })

  it('makes the network of it that it tells of', async (t) => {
    if (!needCloudInit(t)) return
    const nics = [
      {
        id: 'a',
        mac: '52:54:00:00:00:01',
        addresses: [
          {
            address: '192.0.2.104',
            prefixLength: 25,
            gateway: '192.0.2.1',
            assignment: 'static',
            nameServers: ['192.0.2.53', '192.0.2.54'],
          },
          { address: '2001:db8::104', prefixLength: 64, gateway: '2001:db8::1', assignment: 'static' },
        ],
      },
      {
        id: 'b',
        mac: '52:54:00:00:00:02',
        addresses: [{ address: '198.51.100.7', prefixLength: 24, assignment: 'static' }],
      },
    ] as const
    const text = opennebula.render({ ...CONTEXT, network: { nics } }).get('context.sh')?.bytes ?? assert.fail()
    const [read] = await readByCloudInit([textOf(text)])
    assert.deepEqual(read?.network, {
      version: 2,
      ethernets: {
        eth0: {
          match: { macaddress: '52:54:00:00:00:01' },
          addresses: ['192.0.2.104/25', '2001:db8::104/64'],
          gateway4: '192.0.2.1',
          gateway6: '2001:db8::1',
          nameservers: { addresses: ['192.0.2.53', '192.0.2.54'] },
        },
        eth1: { match: { macaddress: '52:54:00:00:00:02' }, addresses: ['198.51.100.7/24'] },
      },
    })
  })
})

/** cloud-init has the very bytes, and ran them; it has the keys, and nothing went wrong. */
function assertRan(outcome: Outcome, instanceId?: string): void {
  assert.deepEqual([outcome.failedStages, outcome.errors, outcome.warnings], [[], [], []])
  const instance = textOf(outcome.read('/var/lib/cloud/data/instance-id'))
  if (instanceId !== undefined) assert.equal(instance, instanceId)
  const kept = outcome.read(`/var/lib/cloud/instances/${instance}/user-data.txt`)
  assert.equal(sha256(kept), sha256(SCRIPT))
  assert.equal(textOf(outcome.read('/var/lib/delivered')), `root ${sha256(SCRIPT)}`)
  const keys = textOf(outcome.read('/home/debian/.ssh/authorized_keys')).split('\n')
  assert.deepEqual(
    keys,
    CONTEXT.publicKeys.map(({ text }) => text),
  )
}

function diskFor(guest: string) {
  return GUEST_DISKS[guest] ?? assert.fail(`there is no disk for ${guest}`)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').trim()
}
