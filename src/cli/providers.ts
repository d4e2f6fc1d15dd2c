import type { Command } from 'commander'
import type { Static } from 'typebox'
import type { ProviderBody } from '../frontends/rest/schemas.ts'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { print, printable, printJson, sizeText, table } from './output.ts'

type Provider = Static<typeof ProviderBody>

/** `bellhop providers`: what the gateway's providers can do. */
export function providersCommand(): Command {
  return apiCommand('providers', 'list the gateway’s providers, what they can do, and whether they answer')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop providers
  $ bellhop providers -o json | jq '.providers[] | {name, update, reachable}'`,
    )
    .action(list)
}

async function list(options: ApiOptions): Promise<void> {
  const client = await clientFor(options)
  const answer = await client.get<{ readonly providers: readonly Provider[] }>('/providers')
  if (options.output === 'json') printJson(answer)
  else print(providersTable(answer.providers))
}

function providersTable(providers: readonly Provider[]): string {
  const rows = providers.map(({ name, reachable, deliveries, userDataMaxBytes, update, actions }) =>
    [
      name,
      reachable === undefined ? 'not asked' : reachable ? 'yes' : 'no',
      [...new Set(deliveries.map(({ method }) => method))].join(', '),
      sizeText(userDataMaxBytes),
      update,
      actions.join(', '),
    ].map(printable),
  )
  return table([['NAME', 'ANSWERS', 'WAYS', 'USER DATA', 'UPDATE', 'ACTIONS'], ...rows])
}
