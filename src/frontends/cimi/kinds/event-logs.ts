import type { ContextEvent } from '../../../model/events.ts'
import { CloudError } from '../../../model/errors.ts'
import type { Instance } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { referenceTo, toResource, toTime } from '../resource.ts'
import { NAMESPACE, typeUri } from '../types.ts'
import { courseOf, coursesOf } from './course.ts'
import { machineUrl, toMachineState } from './machine-map.ts'

const PATH = 'event_logs'
const EVENTS = 'events'

type Severity = 'critical' | 'high' | 'medium' | 'low'

/** What happened to each machine; its log has its id. */
export function eventLogs(service: Service): Kind {
  return {
    path: PATH,
    type: 'EventLog',
    collection: 'EventLogCollection',
    link: 'eventLogs',
    list: async (exchange) =>
      (await coursesOf(service, exchange)).map((course) => () => toLog(course.instance, course.events, exchange)),
    get: async (id, exchange) => {
      const { instance, events } = await courseOf(service, id, exchange)
      return toLog(instance, events, exchange)
    },
    within: (id) => [eventsOf(service, id)],
  }
}

function eventsOf(service: Service, machineId: string): Kind {
  const list = async (exchange: Exchange): Promise<readonly Resource[]> => {
    const { instance, events } = await courseOf(service, machineId, exchange)
    return events.map((event, index) => toEvent(instance, event, index, exchange))
  }
  return {
    path: EVENTS,
    type: 'Event',
    collection: 'EventCollection',
    list,
    get: async (id, exchange) => {
      // Events are only ever added, so their place names them.
      const event = /^[1-9]\d*$/.test(id) ? (await list(exchange))[Number(id) - 1] : undefined
      if (event) return event
      throw new CloudError('not-found', `there is no event ${id.slice(0, 100)}`)
    },
  }
}

function toLog(instance: Instance, events: readonly ContextEvent[], exchange: Exchange): Resource {
  const { id, spec, createdAt, updatedAt } = instance
  const counts: Record<Severity, number> = { low: 0, medium: 0, high: 0, critical: 0 }
  for (const event of events) counts[severityOf(event)]++
  return toResource('EventLog', {
    id: exchange.url(PATH, id),
    name: `events of ${spec.name ?? id}`,
    description: 'what happened to the machine, and to the data on their way to it',
    created: toTime(createdAt),
    updated: toTime(events.at(-1)?.at ?? updatedAt),
    targetResource: referenceTo('Resource', machineUrl(exchange, id)),
    events: referenceTo('EventCollection', exchange.url(PATH, id, EVENTS)),
    summary: toResource('EventLogSummary', counts),
  })
}

function toEvent(instance: Instance, event: ContextEvent, index: number, exchange: Exchange): Resource {
  const { id, spec } = instance
  // What was asked for changes no state by itself.
  const isAccess = event.kind === 'access' || event.action !== undefined
  const of = referenceTo('Resource', machineUrl(exchange, id))
  const detail = detailOf(event)
  const content = isAccess
    ? { operation: event.action ?? 'read', resource: of, initiator: event.source, detail }
    : { resName: spec.name ?? id, resource: of, resType: typeUri('Machine'), ...stateOf(event), detail }
  return toResource('Event', {
    id: exchange.url(PATH, id, EVENTS, `${index + 1}`),
    name: event.kind,
    description: detail ?? `${event.kind}, seen by ${event.source}`,
    created: toTime(event.at),
    // Evidence is as exact as it was seen.
    timestamp: new Date(event.at).toISOString(),
    type: `${NAMESPACE}/event/${isAccess ? 'access' : 'state'}`,
    content: toResource('EventContent', content),
    outcome: outcomeOf(event),
    severity: severityOf(event),
    contact: event.source,
  })
}

/** The machine's state where it changed, else the state of the data. */
function stateOf({ kind, state, previous }: ContextEvent): { readonly state: string; readonly previous?: string } {
  if (state === undefined) return { state: kind }
  return { state: toMachineState(state), ...(previous === undefined ? {} : { previous: toMachineState(previous) }) }
}

function detailOf({ kind, source, method, path, bytes, sha256, exitCode, detail }: ContextEvent): string | undefined {
  const facts = [
    method === undefined ? undefined : `by ${method}`,
    path,
    bytes === undefined ? undefined : `${bytes} bytes`,
    sha256 === undefined ? undefined : `sha256 ${sha256}`,
    exitCode === undefined ? undefined : `exit code ${exitCode}`,
    detail,
  ].filter((fact) => fact !== undefined)
  return facts.length === 0 ? undefined : `${kind} (${source}): ${facts.join(', ')}`
}

const OUTCOMES: Readonly<Record<ContextEvent['kind'], string>> = {
  planned: 'Pending',
  offered: 'Pending',
  access: 'Success',
  fetched: 'Status',
  finished: 'Status',
  applied: 'Success',
  failed: 'Failure',
  silent: 'Status',
  state: 'Status',
}

function outcomeOf(event: ContextEvent): string {
  return isFailure(event) ? 'Failure' : OUTCOMES[event.kind]
}

function severityOf(event: ContextEvent): Severity {
  return isFailure(event) ? 'high' : 'low'
}

function isFailure({ kind, state }: ContextEvent): boolean {
  return kind === 'failed' || state === 'error'
}
