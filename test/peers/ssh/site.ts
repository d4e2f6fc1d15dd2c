import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { readContextDisk } from '../../../src/deliveries/disk.ts'
import { BELLHOP, MEMORY_CONFIG, startGateway } from '../../e2e/gateway.ts'
import { run, type Ended } from '../../e2e/programs.ts'
import { startOpenNebula } from '../../opennebula/opennebula.ts'
import { runningOf, vmIdOf, type Shown } from '../whole-way.ts'
import { GUEST, HOME } from './namespace.ts'
import type { SshServer } from './server.ts'

/** A machine in a cloud, whose address is {@link GUEST}, and a user of the gateway before it who is at home in {@link HOME}. */
export interface Site {
  readonly instance: Shown
  /** Says by which keys its server is known, as a cloud-init does at the end of its first boot. */
  readonly phoneHome: (keys: Partial<SshServer['publicKeys']>) => Promise<void>
  /** `bellhop ssh`, with what it is told. */
  readonly ssh: (parameters: readonly string[], input?: Uint8Array) => Promise<Ended>
  /** What the user's programs are started with. */
  readonly env: NodeJS.ProcessEnv
  /** Where these have their temporary files. */
  readonly temporary: string
  /** What they asked him. */
  readonly asked: () => Promise<string>
}

/** @param scheme of the URL to which guests report: what comes by https proves host keys */
export async function openSite(t: TestContext, scheme: 'http' | 'https' = 'https'): Promise<Site> {
  const one = await startOpenNebula(t)
  one.addUser({ name: 'bellhop', password: 'wonderland' })
  one.addNetwork({ name: 'public', mode: '644', range: { first: GUEST, size: 50 } })
  const template = 'CPU="1" MEMORY="64" NIC=[ NETWORK_ID="0" ] CONTEXT=[ NETWORK="YES" ]'
  one.addTemplate({ name: 'debian', mode: '644', template })
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-ssh-site-'))
  t.after(() => rm(folder, { recursive: true }))
  const authFile = join(folder, 'one_auth')
  await writeFile(authFile, 'bellhop:wonderland\n')
  const gateway = await startGateway(t, {
    config: `${MEMORY_CONFIG}
[report]
url = "${scheme}://reports.example.org"
[providers.site]
driver = "opennebula"
endpoint = "${one.url}"
authFile = "${authFile}"
`,
  })
  const create = async (wanted: object): Promise<Shown> => {
    const userData = Buffer.from('#!/bin/sh\n').toString('base64')
    const body = JSON.stringify({ userData, ...wanted })
    const headers = { 'Content-Type': 'application/json' }
    return await runningOf(gateway, await gateway.ask('/api/v1/instances', { method: 'POST', headers, body }))
  }
  // The memory provider's machines have no addresses.
  await create({ name: 'nowhere', image: 'memory-debian' })
  const instance = await create({ name: 'web', image: 'site-debian', wrap: true })

  const home = await userOf(folder)
  const env = { ...process.env, ...home.env, BELLHOP_URL: gateway.url, XDG_STATE_HOME: gateway.folder }
  return {
    instance,
    env,
    temporary: home.temporary,
    asked: home.asked,
    ssh: async (parameters, input = new Uint8Array()) => await run(BELLHOP, ['ssh', ...parameters], { env, input }),
    phoneHome: async ({ rsa = 'N/A', ecdsa = 'N/A', ed25519 = 'N/A' }) => {
      const image = (await one.imageOf(vmIdOf(instance))) ?? assert.fail('it has a disk')
      const { userData = Buffer.of() } = (await readContextDisk(image)).contexts['opennebula'] ?? {}
      const [, told] = /^phone_home:\n {2}url: "([^"]+)"$/m.exec(Buffer.from(userData).toString()) ?? []
      const url = new URL(told ?? assert.fail('it is told to phone home'))
      assert.equal(url.protocol, `${scheme}:`)
      // What stands before us ends the encryption.
      const called = await fetch(gateway.metadataUrl + url.pathname, {
        method: 'POST',
        // As cloud-init 22.4.2 sends it; N/A is what is not there.
        body: new URLSearchParams({
          pub_key_rsa: rsa,
          pub_key_ecdsa: ecdsa,
          pub_key_ed25519: ed25519,
          instance_id: instance.id,
          hostname: 'web',
          fqdn: 'web.example.org',
        }),
      })
      assert.equal(called.status, 200)
    },
  }
}

/** A new home, in which questions are heard. A folder for temporary files may have any name. */
async function userOf(folder: string) {
  await rm(HOME, { recursive: true, force: true })
  await mkdir(join(HOME, '.ssh'), { recursive: true, mode: 0o700 })
  const temporary = join(folder, '50% of it')
  await mkdir(temporary)
  const [askpass, questions] = [join(folder, 'askpass'), join(folder, 'questions')]
  await writeFile(questions, '')
  await writeFile(askpass, `#!/bin/sh\nprintf '%s\\n' "$1" >>${questions}\nexit 1\n`)
  await chmod(askpass, 0o755)
  return {
    temporary,
    env: { TMPDIR: temporary, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' },
    asked: async () => await readFile(questions, 'utf8'),
  }
}
