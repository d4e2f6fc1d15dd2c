import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { run } from '../../e2e/programs.ts'
import { GUEST } from './namespace.ts'

/** Of host keys, as cloud-init makes them by default, but DSA. */
export const KEY_TYPES = ['rsa', 'ecdsa', 'ed25519'] as const

/** A real SSH server at a guest's address, on the usual port. */
export interface SshServer {
  /** By type, what stands in the `.pub` files of the host keys that it has. */
  readonly publicKeys: Readonly<Record<(typeof KEY_TYPES)[number], string>>
  /** What it logged so far. */
  readonly log: readonly string[]
  readonly stop: () => Promise<void>
}

/** A new key pair. @returns the path of the private key; that of the public one ends in `.pub` */
export async function makeKey(folder: string, type: string): Promise<string> {
  const path = join(folder, `key_${type}`)
  const bits = type === 'rsa' ? ['-b', '2048'] : []
  const made = await run('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', `root@${type}`, '-f', path])
  assert.equal(made.code, 0, made.stderr)
  return path
}

/** Starts one with host keys of its own, which lets in whoever has the identity; it ends with the test. */
export async function startSshServer(
  t: Pick<TestContext, 'after'>,
  { identity, port = 22 }: { readonly identity: string; readonly port?: number },
): Promise<SshServer> {
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-sshd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const keys = await Promise.all(KEY_TYPES.map((type) => makeKey(folder, type)))
  const config = join(folder, 'sshd_config')
  writeFileSync(
    config,
    `ListenAddress ${GUEST}:${port}
${keys.map((key) => `HostKey ${key}`).join('\n')}
AuthorizedKeysFile ${identity}.pub
# Those are below a folder that all may write to.
StrictModes no
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
`,
  )
  const child = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = once(child, 'exit')
  const log: string[] = []
  const listening = new Promise<void>((resolve, reject) => {
    createInterface(child.stderr).on('line', (line) => {
      log.push(line)
      if (line.startsWith('Server listening on ')) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`sshd: ${log.join('\n')}`)))
  })
  const stop = async (): Promise<void> => {
    child.kill()
    await ended
    // A session that goes on still writes there.
    child.stderr.destroy()
  }
  t.after(stop)
  await listening
  const [rsa, ecdsa, ed25519] = keys.map((key) => readFileSync(`${key}.pub`, 'utf8'))
  assert.ok(rsa && ecdsa && ed25519)
  return { publicKeys: { rsa, ecdsa, ed25519 }, log, stop }
}
