import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { CloudError } from '../model/errors.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { print } from './output.ts'
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
    // Once they stand in a file, nobody asks any more where they came from.
    if (instance.hostKeys?.verified === false && !options.acceptNew)
      throw new CloudError('conflict', `${UNPROVEN}; --accept-new prints them all the same`)
    return print(knownHosts(instance))
  }
  process.exitCode = await connect(instance, command, options)
}

/** What may be sent to us alone, and means ssh too. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** @returns what ssh ended with */
async function connect(instance: Shown, command: readonly string[], options: SshOptions): Promise<number> {
  // We end after ssh, so that nothing is left. Until it runs nothing is waited for, so no signal is heard before.
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of ENDING) process.on(signal, passOn)
  const folder = mkdtempSync(join(tmpdir(), 'bellhop-ssh-'))
  let child: ChildProcess
  try {
    const file = join(folder, 'known_hosts')
    const parameters = sshParameters(instance, file, options)
    if (instance.hostKeys) writeFileSync(file, `${knownHosts(instance)}\n`)
    child = spawn('ssh', [...parameters, ...command], { stdio: 'inherit' })
    return await endOf(child)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    for (const signal of ENDING) process.off(signal, passOn)
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
  const hosts = [id, ...addresses.filter(isAddress)].join(',')
  return hostKeys.keys.map((key) => `${hosts} ${key}`).join('\n')
}

/** Another word of a cloud's could be an option of ssh, or a line with a key of its own. */
function isAddress(text: string): boolean {
  return isIP(text) !== 0
}

/** What a user's own configuration may have, by which ssh would pass over the keys that it knows. @see ssh_config(5) */
const NO_WAY_ROUND = ['ControlPath=none', 'VerifyHostKeyDNS=no', 'NoHostAuthenticationForLocalhost=no'] as const

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
  const address = addresses.find(isAddress)
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
  const options = [...known, `HostKeyAlias=${id}`, 'CheckHostIP=no', 'UpdateHostKeys=no', ...NO_WAY_ROUND]
  return [
    ...options.flatMap((option) => ['-o', option]),
    ...(login === undefined ? [] : ['-l', login]),
    ...(port === undefined ? [] : ['-p', port]),
    ...(identity === undefined ? [] : ['-i', identity]),
    '--',
    address,
  ]
}

/** @returns as a shell says it @throws {CloudError} unavailable where there is no ssh */
function endOf(ssh: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    ssh.on('error', (cause) =>
      reject(new CloudError('unavailable', 'there is no ssh here: install it (openssh-client)', { cause })),
    )
    ssh.on('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  })
}
