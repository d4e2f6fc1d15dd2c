import type { Command } from 'commander'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { ageText, print, printable, printJson, table } from './output.ts'
import { shortIds, type Summary } from './which-instance.ts'

interface LsOptions extends ApiOptions {
  readonly quiet?: boolean
}

/** `bellhop ls`: the project's instances, and how far their data came. */
export function lsCommand(): Command {
  return apiCommand('ls', 'list the instances, and how far their data came')
    .option('-q, --quiet', 'whole ids alone, one a line')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop ls
  $ bellhop rm $(bellhop ls --quiet)
  $ bellhop ls -o json | jq -r '.instances[] | select(.delivery.state != "applied") | .name'`,
    )
    .action(list)
}

async function list(options: LsOptions): Promise<void> {
  const client = await clientFor(options)
  const path = options.quiet ? '/instances' : '/instances?delivery=true'
  const answer = await client.get<{ readonly instances: readonly Summary[] }>(path)
  if (options.output === 'json') return printJson(answer)
  const { instances } = answer
  if (!options.quiet) return print(instancesTable(instances, Date.now()))
  for (const { id } of instances) print(printable(id))
}

/** @param now milliseconds since the epoch */
function instancesTable(instances: readonly Summary[], now: number): string {
  const ids = shortIds(instances.map(({ id }) => id))
  const rows = instances.map((instance, index) =>
    [
      ids[index] ?? '',
      instance.name ?? '-',
      instance.state,
      instance.delivery?.state ?? '-',
      instance.image,
      instance.size,
      ageText(now - Date.parse(instance.createdAt)),
    ].map(printable),
  )
  return table([['ID', 'NAME', 'STATE', 'DATA', 'IMAGE', 'SIZE', 'AGE'], ...rows])
}
