import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sha256 } from '../../src/model/digest.ts'
import { eventually } from '../e2e/eventually.ts'
import type { Gateway } from '../e2e/gateway.ts'
import { createWrapped, type ShownWrapped } from '../e2e/wrapped-instances.ts'
import { runCloudInit, type Delivery, type Outcome } from './cloud-init/peer.ts'

/** What a shell, a template, XML, a text file or a careless program would spoil. */
const HARD = String.raw`$HOME \${HOME} $(id) \$5 'one' "two" \"three\" back\\slash \n ]]> <a>&amp;[b="c", d] é € 😀 end\ `

// With the separator that an OpenNebula puts between variables, and a line that looks like one.
const SCRIPT = `#!/bin/sh
# ${HARD} @^_^@
USER_DATA=none
cat >/var/lib/said <<'END'
${HARD}
END
echo "$(id -un) $(sha256sum <"$0" | cut -d' ' -f1)" >/var/lib/delivered`

const CLOUD_CONFIG = `#cloud-config
# ${HARD}
write_files:
  - path: /var/lib/said
    content: |
      ${HARD}
runcmd:
  - echo "$(id -un) $(sha256sum </var/lib/cloud/instance/user-data.txt | cut -d' ' -f1)" >/var/lib/delivered
`

/** User data that a user sends, and what cloud-init does with them. */
export interface Sent {
  readonly bytes: Buffer
  /** The bytes whose digest is in the guest's `/var/lib/delivered` once they ran; absent: cloud-init runs nothing. */
  readonly ran?: Buffer
}

/** By what they are. */
export const SENT = {
  'a script without a line end at its end': ranAsIs(SCRIPT),
  'a script with line ends at its end': ranAsIs(`${SCRIPT}\n\n\n`),
  'a cloud-config': ranAsIs(CLOUD_CONFIG),
  'a compressed script': { bytes: gzipSync(SCRIPT), ran: Buffer.from(SCRIPT) },
  "a JSON dictionary of the user's own": {
    bytes: Buffer.from(JSON.stringify({ role: 'web', motd: HARD, peers: [1] })),
  },
} as const satisfies Readonly<Record<string, Sent>>

/** A script with sections behind it, as amiconfig takes them; it prints the digest of the file that it is run from. */
export const HEPIX = Buffer.from(`#!/bin/sh
# ${HARD}
sha256sum <"$0" | cut -d' ' -f1
exit 0
[amiconfig]
plugins=cernvm
[cernvm]
organisations=alice
`)

function ranAsIs(text: string): Sent {
  const bytes = Buffer.from(text)
  return { bytes, ran: bytes }
}

/** The user's. */
export const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDIhz2GK/XCUj4i6Q5yQJNL1MKMyYvHCyRP2q4QDvHDb jane'

/** Of what a machine is made, by the names that front ends give them. */
export interface Made {
  readonly image: string
  readonly size: string
  readonly userData: Uint8Array
  /** Whether the user's key is sent too (default true). */
  readonly withKey?: boolean
}

/** Asks for a machine as clients of each standard do. */
export const CREATIONS = {
  OCCI: async ({ ask }, { image, size, userData, withKey = true }) =>
    await ask('/compute/', {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: [
        'Category: compute; scheme="http://schemas.ogf.org/occi/infrastructure#"; class="kind"',
        `Category: ${image}; scheme="http://bellhop.example/occi/infrastructure/os_tpl#"; class="mixin"`,
        `Category: ${size}; scheme="http://bellhop.example/occi/infrastructure/resource_tpl#"; class="mixin"`,
        'Category: user_data; scheme="http://schemas.openstack.org/compute/instance#"; class="mixin"',
        `X-OCCI-Attribute: org.openstack.compute.user_data="${base64(userData)}"`,
        ...(withKey
          ? [
              'Category: public_key; scheme="http://schemas.openstack.org/instance/credentials#"; class="mixin"',
              'X-OCCI-Attribute: org.openstack.credentials.publickey.name="jane"',
              `X-OCCI-Attribute: org.openstack.credentials.publickey.data="${KEY}"`,
            ]
          : []),
      ].join('\n'),
    }),
  CIMI: async ({ ask }, { image, size, userData, withKey = true }) =>
    await ask('/cimi/machines', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        name: 'web',
        machineTemplate: {
          machineImage: { href: image },
          machineConfig: { href: size },
          userData: base64(userData),
          ...(withKey ? { credential: { key: KEY } } : {}),
        },
      }),
    }),
} as const satisfies Readonly<Record<string, (gateway: Gateway, made: Made) => Promise<Response>>>

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** An instance as Bellhop shows it. */
export interface Shown {
  readonly id: string
  readonly remoteId?: string
  readonly state: string
  readonly revision: number
  readonly userDataSha256: string
  readonly delivery: { readonly state: string }
}

/** The instance that an answer tells of, once it runs. */
export async function runningOf(gateway: Gateway, response: Response): Promise<Shown> {
  assert.equal(response.status, 201, await response.clone().text())
  const id = response.headers.get('location')?.split('/').at(-1) ?? assert.fail('there is no Location')
  return await eventually(`${id} runs`, async () => {
    const shown = await shownBy(gateway, id)
    return shown.state === 'active' ? shown : undefined
  })
}

/** What Bellhop shows of an instance. */
export async function shownBy({ ask }: Gateway, id: string): Promise<Shown> {
  return (await (await ask(`/api/v1/instances/${id}`)).json()) as Shown
}

/** The number of an instance's VM. */
export function vmIdOf({ remoteId }: Shown): number {
  return Number(remoteId ?? assert.fail('it is at its cloud'))
}

/** Where guests of {@link runCloudInit} reach a gateway. */
export const REPORT_URL = 'http://169.254.169.254'

/** Asks for a machine with a script that is to be wrapped, lets cloud-init take what its cloud makes of it, and hears of it. */
export async function takeWrapped(
  t: TestContext,
  gateway: Gateway,
  template: Pick<Made, 'image' | 'size'>,
  deliveryOf: (shown: Shown) => Promise<Delivery>,
): Promise<void> {
  const { bytes } = SENT['a script without a line end at its end']
  const made = await runningOf(gateway, await createWrapped(gateway, { ...template, userData: bytes }))
  const outcome = await runCloudInit(t, { ...(await deliveryOf(made)), reaches: gateway.metadataUrl })
  const instance = textOf(outcome.read('/var/lib/cloud/data/instance-id'))
  const [kept, script] = ['user-data.txt', 'scripts/part-001'].map((path) =>
    sha256(outcome.read(`/var/lib/cloud/instances/${instance}/${path}`)),
  )
  const { plan, userDataSha256 } = (await shownBy(gateway, made.id)) as Shown & ShownWrapped
  assert.deepEqual([kept, script], [plan.wrapped?.sha256, userDataSha256])
  assert.deepEqual(
    [textOf(outcome.read('/var/lib/delivered')), userDataSha256, outcome.failedStages, outcome.errors],
    [`root ${sha256(bytes)}`, sha256(bytes), [], []],
  )
  await eventually('its report is on record', async () => {
    const { delivery } = await shownBy(gateway, made.id)
    return delivery.state === 'applied' || undefined
  })
}

/** cloud-init has the very bytes that were sent and that Bellhop shows the digest of, and did with them what it does. */
export function assertTaken(outcome: Outcome, { bytes, ran }: Sent, { userDataSha256 }: Shown): void {
  const instance = textOf(outcome.read('/var/lib/cloud/data/instance-id'))
  const kept = outcome.read(`/var/lib/cloud/instances/${instance}/user-data.txt`)
  assert.equal(userDataSha256, sha256(bytes), 'Bellhop shows the digest of what was sent')
  assert.equal(sha256(kept), userDataSha256, 'the guest has what Bellhop shows')
  const delivered = textOf(outcome.read('/var/lib/delivered'))
  if (ran) {
    assert.deepEqual([outcome.warnings, delivered], [[], `root ${sha256(ran)}`])
    assert.equal(outcome.read('/var/lib/said').toString(), `${HARD}\n`)
  } else {
    assert.equal(delivered, '')
    assert.match(outcome.warnings.join('\n'), /^.*Unhandled non-multipart \(text\/x-not-multipart\) userdata.*$/)
  }
}

/** The key that was sent is the guest's, and nothing went wrong on the way there. */
export function assertKeyTaken(outcome: Outcome): void {
  assert.deepEqual([outcome.failedStages, outcome.errors], [[], []])
  assert.equal(textOf(outcome.read('/home/debian/.ssh/authorized_keys')), KEY)
}

type Command = readonly [program: string, ...parameters: readonly string[]]

/** The shells of HEPiX's images and of uCernVM's boot, and Debian's; with what stands in their scripts to decode user data. */
export const SHELLS: Readonly<
  Record<string, { readonly command: Command; readonly debianPackage: string; readonly decoders: readonly string[] }>
> = {
  // HEPiX's passes over what is no base64; uCernVM's ends there.
  dash: { command: ['dash'], debianPackage: 'dash', decoders: ['base64 -di', 'base64 -d'] },
  bash: { command: ['bash'], debianPackage: 'bash', decoders: ['base64 -di', 'base64 -d'] },
  busybox: { command: ['busybox', 'sh'], debianPackage: 'busybox', decoders: ['busybox base64 -d'] },
}

/** What a HEPiX guest has. */
export interface TakenByShell {
  readonly userData: Buffer
  readonly publicKey: string
  /** What the user data print when the shell runs them. */
  run(): string
}

/** What is had once a shell has sourced a disk's `context.sh`, by the commands that stand in the scripts of such guests. */
export function takenByShell(shell: keyof typeof SHELLS, contextSh: string): TakenByShell {
  const { command, decoders } = SHELLS[shell] ?? assert.fail(`there is a ${shell}`)
  const sourcing = (script: string): Buffer =>
    runIn({ 'context.sh': contextSh }, [...command, '-c', `. ./context.sh; ${script}`])
  // Not quoted there, and so not here.
  const [userData = assert.fail(), ...others] = decoders.map((decode) => sourcing(`echo $EC2_USER_DATA | ${decode}`))
  for (const other of others) assert.equal(sha256(other), sha256(userData), 'whatever decodes them')
  return {
    userData,
    publicKey: textOf(sourcing('echo "$PUBLIC_KEY"')),
    run: () => textOf(runIn({ 'user-data': userData }, [...command, './user-data'])),
  }
}

/** @returns what the command prints, in a folder with these files */
function runIn(files: Readonly<Record<string, string | Uint8Array>>, [program, ...parameters]: Command): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-shell-'))
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
    return execFileSync(program, parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').trim()
}
