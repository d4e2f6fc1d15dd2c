import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { CloudError } from '../model/errors.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { print, talk } from './output.ts'
import { instanceId, type Shown } from './which-instance.ts'

/** What `bellhop ssh` is told. */
interface SshOptions extends ApiOptions {
  readonly login?: string
  readonly port?: string
  readonly identity?: string
  readonly acceptNew?: boolean
  readonly knownHosts?: boolean
}

/** `bellhop ssh`: the system's ssh, which knows the instance's keys before it meets it. */
export function sshCommand(): Command {
  return apiCommand('ssh', 'log in to an instance by the host keys that its guest told')
    .argument('<instance>', 'its id, the beginning of it, or its name')
    .argument('[command...]', 'what to run there (after --); default: a shell')
    .option('-l, --login <user>', 'as whom (default: as ssh decides)')
    .option('-p, --port <port>', 'where its SSH server listens (default: 22)')
    .option('-i, --identity <file>', 'your private key (default: as ssh decides)')
    .option('--accept-new', 'also where nothing proves that the host keys are its own')
    .option('--known-hosts', 'print its lines for a known_hosts file, and connect to nothing')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop ssh web1 -l debian
  $ bellhop ssh web1 -l debian -- systemctl --failed
  $ bellhop ssh --known-hosts web1 >> ~/.ssh/known_hosts

Ends as ssh does: with 255 where it fails, else as the command there did.`,
    )
    .action(ssh)
}

async function ssh(given: string, command: readonly string[], options: SshOptions): Promise<void> {
  const client = await clientFor(options)
  const instance = await client.get<Shown>(`/instances/${await instanceId(client, given)}`)
  if (options.knownHosts) {
    if (instance.hostKeys?.verified === false) talk(`bellhop: ${UNPROVEN}`)
    return print(knownHosts(instance))
  }
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-ssh-'))
  try {
    const file = join(folder, 'known_hosts')
    const parameters = sshParameters(instance, file, options)
    if (instance.hostKeys) await writeFile(file, `${knownHosts(instance)}\n`)
    process.exitCode = await run([...parameters, ...command])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const UNPROVEN = 'nothing proves that these host keys are its own: they came over http, where others may put in theirs'

/**
 * The lines of a known_hosts file for an instance: its id and its addresses, with each key.
 *
 * @throws {CloudError} not-found where its guest told no keys
 */
export function knownHosts({ id, addresses, hostKeys }: Pick<Shown, 'id' | 'addresses' | 'hostKeys'>): string {
  if (!hostKeys)
    throw new CloudError(
      'not-found',
      `the guest of ${id} has told no host keys: its cloud-init does so at the end of its first boot, where it reports to us`,
    )
  const hosts = [id, ...addresses].join(',')
  return hostKeys.keys.map((key) => `${hosts} ${key}`).join('\n')
}

/**
 * What ssh is called with, up to the command.
 *
 * @param file where {@link knownHosts} stand, where there are any
 * @throws {CloudError} conflict where the keys are not proven and the user takes no others; unavailable without an address
 */
export function sshParameters(
  { id, addresses, hostKeys }: Pick<Shown, 'id' | 'addresses' | 'hostKeys'>,
  file: string,
  { login, port, identity, acceptNew = false }: Pick<SshOptions, 'login' | 'port' | 'identity' | 'acceptNew'>,
): readonly string[] {
  const address = addresses.find((each) => isIP(each) !== 0)
  if (address === undefined)
    throw new CloudError('unavailable', `${id} has no address that its provider tells (yet); bellhop show ${id}`)
  if (!hostKeys?.verified && !acceptNew) {
    const why = hostKeys ? UNPROVEN : `the guest of ${id} has told no host keys (yet)`
    throw new CloudError('conflict', `${why}; --accept-new connects all the same`)
  }
  // Where none are known, the user's own file remembers what is found: under the id, for addresses have many machines in time.
  const known = hostKeys
    ? [
        `UserKnownHostsFile="${file.replaceAll('%', '%%')}"`,
        'GlobalKnownHostsFile=/dev/null',
        'StrictHostKeyChecking=yes',
      ]
    : ['StrictHostKeyChecking=accept-new']
  return [
    ...[...known, `HostKeyAlias=${id}`, 'CheckHostIP=no', 'UpdateHostKeys=no'].flatMap((option) => ['-o', option]),
    ...(login === undefined ? [] : ['-l', login]),
    ...(port === undefined ? [] : ['-p', port]),
    ...(identity === undefined ? [] : ['-i', identity]),
    '--',
    address,
  ]
}

/** @returns what ssh ended with @throws {CloudError} unavailable where there is none */
function run(parameters: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', parameters, { stdio: 'inherit' })
    child.on('error', (cause) =>
      reject(new CloudError('unavailable', 'there is no ssh here: install it (openssh-client)', { cause })),
    )
    child.on('close', (code) => resolve(code ?? 255))
  })
}
