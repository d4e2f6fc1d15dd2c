import type { Command } from 'commander'
import { apiCommand, clientFor, type ApiOptions } from './api-command.ts'
import { ageText, print, printable, printJson, sizeText, table } from './output.ts'
import { wrappedText } from './plan-text.ts'
import { instanceId, type Shown } from './which-instance.ts'

/** `bellhop show`: one instance, its plan, and what became of its data. */
export function showCommand(): Command {
  return apiCommand('show', 'tell all of one instance: its plan, and what became of its data')
    .argument('<instance>', 'its id, the beginning of it, or its name')
    .addHelpText(
      'after',
      `
Examples:
  $ bellhop show web1
  $ bellhop show 3f0c -o json | jq .delivery`,
    )
    .action(show)
}

async function show(given: string, options: ApiOptions): Promise<void> {
  const client = await clientFor(options)
  const instance = await client.get<Shown>(`/instances/${await instanceId(client, given)}`)
  if (options.output === 'json') printJson(instance)
  else print(instanceText(instance, Date.now()))
}

/** @param now milliseconds since the epoch */
function instanceText(instance: Shown, now: number): string {
  const { plan, delivery, reason } = instance
  const { userData } = plan
  const ago = (time: string): string => `${time} (${ageText(now - Date.parse(time))} ago)`
  const rows: (readonly [string, string | undefined])[] = [
    ['id', instance.id],
    ['name', instance.name],
    ['state', reason === undefined ? instance.state : `${instance.state}: ${reason}`],
    ['provider', instance.provider],
    ['cloud’s id', instance.remoteId],
    ['image', instance.image],
    ['size', instance.size],
    ['created', ago(instance.createdAt)],
    ['changed', ago(instance.updatedAt)],
    ['revision', String(instance.revision)],
    ['user data', userData ? `${userData.format}, ${sizeText(userData.sizeBytes)}` : 'none'],
    ['SHA-256', instance.userDataSha256],
    ['wrapped', plan.wrapped && wrappedText(plan.wrapped)],
    ['arrival', arrivalText(delivery)],
    ['tracking', plan.tracking === false ? 'off: the guest is told nothing of ours' : undefined],
    ['addresses', instance.addresses.length > 0 ? instance.addresses.join(', ') : undefined],
    ...(instance.hostKeys?.keys ?? []).map((key) => ['host key', hostKeyText(key, instance.hostKeys)] as const),
    ...plan.deliveries.map(
      ({ method, why }) => ['way', `${method} ${delivery?.methods?.[method] ?? ''}: ${why}`] as const,
    ),
    ...plan.warnings.map(({ message }) => ['note', message] as const),
  ]
  return table(rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, printable(value)]])))
}

function hostKeyText(key: string, told: Shown['hostKeys']): string {
  return told?.verified ? key : `${key} (not proven: it came over http)`
}

function arrivalText(delivery: Shown['delivery']): string {
  const { state = 'nothing was done yet', servedBy, finishedUnproven = false } = delivery ?? {}
  const way = servedBy === undefined ? '' : ` by ${servedBy}`
  return `${state}${way}${finishedUnproven ? ' (the guest ended its boot; nothing proves that it used the data)' : ''}`
}
