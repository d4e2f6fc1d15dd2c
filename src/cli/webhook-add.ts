import { open, rm, type FileHandle } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import type { Static } from 'typebox'
import { EVENT_KINDS } from '../model/events.ts'
import type { MadeWebhookBody } from '../frontends/rest/webhooks.ts'
import { CloudError, reasonOf } from '../model/errors.ts'
import type { ApiClient } from './api-client.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { print, printable, printJson, table, talk } from './output.ts'

interface AddOptions extends ApiOptions {
  readonly kind?: readonly string[]
  readonly secretFile?: string
}

type Made = Static<typeof MadeWebhookBody>

/** `bellhop webhook add`: a URL that the project's events are sent to from now on. */
export function webhookAddCommand(): Command {
  return apiCommand('add', 'have what happens from now on sent to a URL')
    .argument('<url>', 'where it is sent')
    .addOption(
      new Option('--kind <kind...>', 'only events of these kinds (default: all but access)').choices(EVENT_KINDS),
    )
    .option('--secret-file <file>', 'a new file for the secret, which only you can read')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop webhook add https://portal.example.org/hook
  $ id=$(bellhop webhook add https://portal.example.org/hook --secret-file webhook.secret)
  $ bellhop webhook add https://portal.example.org/hook --kind applied failed

The secret signs what is sent, and is shown this once. With --secret-file it is not shown, and stdout has the id alone.`,
    )
    .action(add)
}

async function add(url: string, options: AddOptions): Promise<void> {
  const { kind: kinds, secretFile, output } = options
  const client = await clientFor(options)
  const make = (): Promise<Made> =>
    client.send<Made>('POST', '/webhooks', { json: { url, ...(kinds ? { kinds } : {}) } })
  if (secretFile === undefined || secretFile === '-') {
    const made = await make()
    talk('bellhop: keep the secret; it is not shown again')
    if (output === 'json') return printJson(made)
    return print(
      table([
        ['id', printable(made.id)],
        ['secret', printable(made.secret)],
      ]),
    )
  }
  const { secret: _kept, ...shown } = await intoNewFile(client, secretFile, make)
  talk(`bellhop: its secret is in ${secretFile}`)
  if (output === 'json') printJson(shown)
  else print(printable(shown.id))
}

/**
 * Makes a webhook whose secret goes into a file that must not be there yet. The file is made first: a secret that nobody has
 * cannot be had again. Where something fails, neither is left.
 *
 * @throws {CloudError} invalid when the file cannot be made or written; what `make` throws
 */
async function intoNewFile(client: ApiClient, path: string, make: () => Promise<Made>): Promise<Made> {
  await using file = await newFile(path)
  try {
    const made = await make()
    await keep(client, file, path, made)
    return made
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

async function newFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (cause) {
    throw new CloudError('invalid', `--secret-file: cannot make ${path}: ${reasonOf(cause)}`, { cause })
  }
}

/** Writes the secret. Where that fails, the webhook is removed again. */
async function keep(client: ApiClient, file: FileHandle, path: string, { id, secret }: Made): Promise<void> {
  try {
    await file.writeFile(`${secret}\n`)
    // What a disk or a server of files cannot keep it may say only now.
    await file.sync()
  } catch (cause) {
    const removed = await client.send('DELETE', `/webhooks/${id}`).then(
      () => 'the webhook is removed again',
      (error: unknown) => `the webhook ${id} is still there (${reasonOf(error)}); remove it with bellhop webhook rm`,
    )
    throw new CloudError('invalid', `--secret-file: cannot write ${path}: ${reasonOf(cause)}; ${removed}`, { cause })
  }
}
