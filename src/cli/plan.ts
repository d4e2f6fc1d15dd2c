import type { Command } from 'commander'
import { apiCommand, clientFor } from './api-command.ts'
import { toNewInstance, withNewInstance, type NewInstanceOptions } from './new-instance.ts'
import { print, printJson } from './output.ts'
import { planText, type ShownPlan } from './plan-text.ts'

/** `bellhop plan`: what `create` would do. */
export function planCommand(): Command {
  return withNewInstance(apiCommand('plan', 'tell how the data would reach such an instance; starts nothing'))
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop plan --user-data site.yaml
  $ bellhop plan --user-data site.yaml --provider mycloud -o json | jq '.deliveries[].method'

Ends with 5 where it cannot be done, and says why.`,
    )
    .action(plan)
}

async function plan(options: NewInstanceOptions): Promise<void> {
  const client = await clientFor(options)
  const found = await client.send<ShownPlan>('POST', '/plan', { json: await toNewInstance(options) })
  if (options.output === 'json') printJson(found)
  else print(planText(found))
}
