import { CloudError } from '../../../model/errors.ts'
import { deliveryOf, type Delivery } from '../../../model/events.ts'
import type { Action, Caller, Instance } from '../../../model/instance.ts'
import type { Service } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { referenceTo, toResource, toTime } from '../resource.ts'
import { courseOf, coursesOf, type Course } from './course.ts'
import { actionUri, machineUrl } from './machine-map.ts'

const PATH = 'jobs'

/** Behind a machine's id: the job of the delivery of its data, within the one that makes the machine. */
const DELIVERY = 'delivery'

/**
 * What was and is done, derived from machines and their events: the making of each, within it the delivery of its data, and
 * each action.
 */
export function jobs(service: Service): Kind {
  return {
    path: PATH,
    type: 'Job',
    collection: 'JobCollection',
    link: 'jobs',
    list: async (exchange) => (await coursesOf(service, exchange)).flatMap((course) => jobsOf(course, exchange)),
    get: async (id, exchange) => {
      const [machineId = ''] = id.split('.', 1)
      const known = jobsOf(await courseOf(service, machineId, exchange), exchange)
      const url = jobUrl(exchange, id)
      const job = known.find(({ attributes }) => attributes.get('id') === url)
      if (job) return job
      throw new CloudError('not-found', `there is no job ${id.slice(0, 100)}`)
    },
  }
}

/** The id of the job that makes a machine. */
export function creationJobId(machineId: string): string {
  return machineId
}

/** The id of the job of an action that was just done to a machine. */
export async function actionJobId(
  service: Service,
  machineId: string,
  done: Action,
  caller: Caller,
): Promise<string | undefined> {
  const index = (await service.events(machineId, caller)).findLastIndex(({ action }) => action === done)
  return index === -1 ? undefined : positionId(machineId, index)
}

/** The URL of a job. */
export function jobUrl({ url }: Pick<Exchange, 'url'>, id: string): string {
  return url(PATH, id)
}

/** Events are only ever added, so their place names them. */
function positionId(machineId: string, index: number): string {
  return `${machineId}.${index + 1}`
}

function jobsOf(course: Course, exchange: Exchange): readonly Resource[] {
  const delivery = deliveryJob(course, exchange)
  return [creationJob(course, delivery, exchange), ...(delivery ? [delivery] : []), ...actionJobs(course, exchange)]
}

function creationJob({ instance, events }: Course, delivery: Resource | undefined, exchange: Exchange): Resource {
  const { id, createdAt, updatedAt, state, remoteId, reason } = instance
  const isFailed = state === 'error' && remoteId === undefined
  const isRunning = state === 'creating'
  const said = delivery?.attributes.get('statusMessage')
  const offered = events.find(({ kind }) => kind === 'offered')
  return job(instance, exchange, {
    id: creationJobId(id),
    name: `make ${nameOf(instance)}`,
    action: 'add',
    startedAt: createdAt,
    changedAt: offered?.at ?? (isFailed ? updatedAt : createdAt),
    ...(isFailed ? FAILED : isRunning ? { state: 'RUNNING', progress: 10 } : DONE),
    message: isFailed
      ? (reason ?? 'it could not be made')
      : `${isRunning ? 'the machine is being made' : 'the machine is there'}${
          typeof said === 'string' ? `; its data: ${said}` : ''
        }`,
    ...(delivery && { nestedJobs: [referenceTo('Job', jobUrl(exchange, `${id}.${DELIVERY}`))] }),
  })
}

const FAILED = { state: 'FAILED', progress: 100, returnCode: 1 } as const
const DONE = { state: 'SUCCESS', progress: 100, returnCode: 0 } as const

/** How far each state is; nobody knows how long a guest takes. */
const DELIVERY_PROGRESS: Readonly<Record<NonNullable<Delivery['state']>, Progress>> = {
  planned: { state: 'QUEUED', progress: 0 },
  offered: { state: 'RUNNING', progress: 25 },
  fetched: { state: 'RUNNING', progress: 60 },
  applied: DONE,
  failed: FAILED,
}

function deliveryJob({ instance, events }: Course, exchange: Exchange): Resource | undefined {
  const { id, revision, createdAt } = instance
  const { state, servedBy, finishedUnproven } = deliveryOf(events, revision)
  if (state === undefined) return undefined
  const known = events.filter((event) => event.revision === revision)
  const changed =
    known.findLast(({ kind }) => finishedUnproven && kind === 'finished') ?? known.find(({ kind }) => kind === state)
  const way = servedBy === undefined ? '' : ` by ${servedBy}`
  const detail = state === 'failed' && changed?.detail !== undefined ? `: ${changed.detail}` : ''
  return job(instance, exchange, {
    id: `${id}.${DELIVERY}`,
    name: `data of ${nameOf(instance)}`,
    action: 'contextualise',
    startedAt: createdAt,
    changedAt: changed?.at ?? createdAt,
    // It ended, and nothing says how: neither word for an end would be true.
    ...(finishedUnproven ? { state: 'STOPPED', progress: 60 } : DELIVERY_PROGRESS[state]),
    message: finishedUnproven
      ? `${state}${way}; the guest finished its boot, and nothing proves that it used them`
      : `${state}${way}${detail}`,
    parentJob: referenceTo('Job', jobUrl(exchange, creationJobId(id))),
  })
}

function actionJobs({ instance, events }: Course, exchange: Exchange): readonly Resource[] {
  return events.flatMap(({ action, at, detail }, index) =>
    action === undefined
      ? []
      : [
          job(instance, exchange, {
            id: positionId(instance.id, index),
            name: `${action} ${nameOf(instance)}`,
            // What is resumed is started, in the words of CIMI.
            action: actionUri(action === 'resume' ? 'start' : action),
            startedAt: at,
            changedAt: at,
            ...DONE,
            message: detail ?? `${action}: done`,
          }),
        ],
  )
}

interface Progress {
  readonly state: 'QUEUED' | 'RUNNING' | 'SUCCESS' | 'FAILED' | 'STOPPED'
  /** In percent. */
  readonly progress: number
  /** Once it ended; 0 is well. */
  readonly returnCode?: number
}

interface Task extends Progress {
  readonly id: string
  readonly name: string
  readonly action: string
  readonly startedAt: number
  readonly changedAt: number
  readonly message: string
  readonly parentJob?: Resource
  readonly nestedJobs?: readonly Resource[]
}

function job({ id: machineId }: Instance, exchange: Exchange, task: Task): Resource {
  const { id, name, action, startedAt, changedAt, state, progress, returnCode, message, parentJob, nestedJobs } = task
  const machine = referenceTo('Resource', machineUrl(exchange, machineId))
  return toResource('Job', {
    id: jobUrl(exchange, id),
    name,
    description: message,
    created: toTime(startedAt),
    updated: toTime(changedAt),
    state,
    targetResource: machine,
    affectedResources: [machine],
    action,
    returnCode,
    progress,
    statusMessage: message,
    timeOfStatusChange: toTime(changedAt),
    parentJob,
    nestedJobs,
  })
}

function nameOf({ id, spec }: Instance): string {
  return spec.name ?? spec.hostname ?? id
}
