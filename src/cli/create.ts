import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { apiCommand, clientFor } from './api-command.ts'
import { toNewInstance, withNewInstance, type NewInstanceOptions } from './new-instance.ts'
import { print, printable, printJson, talk } from './output.ts'
import { planText } from './plan-text.ts'
import type { Shown } from './which-instance.ts'

/** `bellhop create`: an instance at a gateway. */
export function createCommand(): Command {
  return withNewInstance(apiCommand('create', 'start an instance with your data at a gateway'))
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop create --user-data hello.sh --name web1
  $ id=$(bellhop create --user-data hello.sh) && bellhop wait "$id"
  $ bellhop create --image mycloud-debian-12 --size mycloud-small --user-data site.yaml --ssh-key ~/.ssh/id_ed25519.pub

stdout has its id. It may still be coming: bellhop wait tells when the data are there.`,
    )
    .action(create)
}

async function create(options: NewInstanceOptions): Promise<void> {
  const client = await clientFor(options)
  const sending = { json: await toNewInstance(options), idempotencyKey: randomUUID() }
  const instance = await client.send<Shown>('POST', '/instances', sending)
  talk(`bellhop: ${printable(instance.name ?? instance.id)} is ${instance.state}\n${planText(instance.plan)}`)
  if (options.output === 'json') printJson(instance)
  else print(instance.id)
}
