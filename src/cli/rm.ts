import type { Command } from 'commander'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { printJson, talk } from './output.ts'
import { instanceIds } from './which-instance.ts'
import { reasonOf } from '../model/errors.ts'

/** `bellhop rm`: removes instances. */
export function rmCommand(): Command {
  return apiCommand('rm', 'stop and remove instances, with their disks and data')
    .argument('<instance...>', 'ids, beginnings of ids, or names')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop rm web1
  $ bellhop rm $(bellhop ls --quiet)

Where one cannot be removed the others are all the same; it then ends as for the first that could not.`,
    )
    .action(remove)
}

async function remove(given: readonly string[], options: ApiOptions): Promise<void> {
  const client = await clientFor(options)
  const ids = [...new Set(await instanceIds(client, given))]
  const removed: string[] = []
  const errors: unknown[] = []
  for (const id of ids)
    try {
      await client.send('DELETE', `/instances/${id}`)
      removed.push(id)
      talk(`bellhop: ${id} is removed`)
    } catch (error) {
      errors.push(error)
      if (ids.length > 1) talk(`bellhop: ${id} is not removed: ${reasonOf(error)}`)
    }
  if (options.output === 'json') printJson({ removed })
  if (errors.length > 0) throw errors[0]
}
