import { Command } from 'commander'
import type { ApiClient } from './api-client.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { print, printable, printJson, talk } from './output.ts'
import { webhookAddCommand } from './webhook-add.ts'
import { webhooksTable, webhookText, type Webhook } from './webhook-text.ts'
import { whichWebhook } from './webhook-which.ts'

/** `bellhop webhook`: URLs that the project's events are sent to. */
export function webhookCommand(): Command {
  return new Command('webhook')
    .description('have what happens to the project’s instances sent to URLs of yours')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop webhook add https://portal.example.org/hook --secret-file webhook.secret
  $ bellhop webhook ls
  $ bellhop webhook show 3f0c`,
    )
    .addCommand(webhookAddCommand())
    .addCommand(lsCommand())
    .addCommand(showCommand())
    .addCommand(rmCommand())
}

interface LsOptions extends ApiOptions {
  readonly quiet?: boolean
}

function lsCommand(): Command {
  return apiCommand('ls', 'list the project’s webhooks, oldest first')
    .option('-q, --quiet', 'whole ids alone, one a line')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop webhook ls
  $ bellhop webhook rm $(bellhop webhook ls --quiet)
  $ bellhop webhook ls -o json | jq -r '.webhooks[] | select(.state == "off" or .failures > 0) | .url'`,
    )
    .action(async (options: LsOptions) => {
      const answer = await listed(await clientFor(options))
      if (options.output === 'json') return printJson(answer)
      if (!options.quiet) return print(webhooksTable(answer.webhooks))
      for (const { id } of answer.webhooks) print(printable(id))
    })
}

function showCommand(): Command {
  return apiCommand('show', 'tell all of one webhook: why its last try failed, and when the next is made')
    .argument('<webhook>', 'its id, or the beginning of it')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop webhook show 3f0c
  $ bellhop webhook show 3f0c -o json | jq -r .reason`,
    )
    .action(async (given: string, options: ApiOptions) => {
      const { webhooks } = await listed(await clientFor(options))
      const webhook = whichWebhook(webhooks, given)
      if (options.output === 'json') printJson(webhook)
      else print(webhookText(webhook, Date.now()))
    })
}

function rmCommand(): Command {
  return apiCommand('rm', 'have nothing more sent')
    .argument('<webhook...>', 'ids, or beginnings of ids')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop webhook rm 3f0c
  $ bellhop webhook rm $(bellhop webhook ls --quiet)

Where one of them is not there, none is removed.`,
    )
    .action(remove)
}

async function remove(given: readonly string[], options: ApiOptions): Promise<void> {
  const client = await clientFor(options)
  const { webhooks } = await listed(client)
  const removed = [...new Set(given.map((each) => whichWebhook(webhooks, each).id))]
  for (const id of removed) {
    await client.send('DELETE', `/webhooks/${id}`)
    talk(`bellhop: webhook ${printable(id)} is removed`)
  }
  if (options.output === 'json') printJson({ removed })
}

async function listed(client: ApiClient): Promise<{ readonly webhooks: readonly Webhook[] }> {
  return await client.get<{ readonly webhooks: readonly Webhook[] }>('/webhooks')
}
