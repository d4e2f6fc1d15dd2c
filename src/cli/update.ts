import type { Command } from 'commander'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { readInput } from './input.ts'
import { print, printable, printJson, talk } from './output.ts'
import { planText } from './plan-text.ts'
import { instanceId, type Shown } from './which-instance.ts'

interface UpdateOptions extends ApiOptions {
  readonly userData: string
  readonly format?: string
  readonly rebuild?: boolean
  readonly reapply?: boolean
  /** `false` with `--no-wrap`. */
  readonly wrap?: boolean
}

/** `bellhop update`: other user data for an instance that is there. */
export function updateCommand(): Command {
  return apiCommand('update', 'give an instance other user data')
    .argument('<instance>', 'its id, the beginning of it, or its name')
    .requiredOption('--user-data <file>', 'the data for the guest; - is standard input')
    .option('--format <name>', 'what the data are (script, cloud-config …); outranks what they look like')
    .option('--rebuild', 'its disk may begin anew from the image, where there is no other way')
    .option('--reapply', 'the guest gets a new instance id: under the one that it knows it passes over new data')
    .option('--wrap', 'where nothing of ours can stand beside the data, make both parts of one message')
    .option('--no-wrap', 'leave the data as they are, where the former ones were wrapped (default: as before)')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop update web1 --user-data site.yaml --reapply && bellhop wait web1
  $ bellhop update web1 --user-data site.yaml --rebuild

stdout has the new revision; bellhop providers tells how each provider does it (live, rebuild, none).`,
    )
    .action(update)
}

async function update(given: string, options: UpdateOptions): Promise<void> {
  const bytes = await readInput(options.userData, '--user-data')
  const client = await clientFor(options)
  const id = await instanceId(client, given)
  const query = new URLSearchParams({
    ...(options.rebuild ? { rebuild: 'true' } : {}),
    ...(options.reapply ? { reapply: 'true' } : {}),
    ...(options.format === undefined ? {} : { format: options.format }),
    ...(options.wrap === undefined ? {} : { wrap: String(options.wrap) }),
  })
  const instance = await client.send<Shown>('PUT', `/instances/${id}/user-data?${query.toString()}`, { bytes })
  talk(`bellhop: ${printable(given)} has other user data\n${planText(instance.plan)}`)
  if (options.output === 'json') printJson(instance)
  else print(String(instance.revision))
}
