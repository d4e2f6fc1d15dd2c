import { SECRET_VARIABLES } from '../../../formats/variables.ts'
import type { Action, Instance, InstanceState } from '../../../model/instance.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import { operationsOf, referenceTo, toResource } from '../resource.ts'
import { NAMESPACE } from '../types.ts'
import { KIB_PER_MIB } from './machine-configurations.ts'
import { namingAttributes } from './naming.ts'
import { fromSwitches } from './switches.ts'

/** The segment of their URLs. */
export const MACHINES = 'machines'

/** Labels of an instance that was paused: its provider knows one way to be suspended. */
export const PAUSED = 'cimi.paused'

/** What is on its way is `CREATING`, for clients take any other word to mean that it is there. */
const STATES: Readonly<Record<InstanceState, string>> = {
  creating: 'CREATING',
  active: 'STARTED',
  inactive: 'STOPPED',
  suspended: 'SUSPENDED',
  deleting: 'DELETING',
  deleted: 'DELETED',
  error: 'ERROR',
  unknown: 'UNKNOWN',
}

/** What can be done with a machine that is there. */
export type MachineAction = 'start' | 'stop' | 'restart' | 'pause' | 'suspend'

/**
 * What each state allows, as it is offered. `restart` stands before any `start`, for a client takes the last operation that
 * matches it.
 */
const ACTIONS: Readonly<Record<string, readonly MachineAction[]>> = {
  STARTED: ['restart', 'stop', 'pause', 'suspend'],
  STOPPED: ['start'],
  PAUSED: ['start'],
  SUSPENDED: ['start'],
  UNKNOWN: ['restart', 'stop', 'start'],
}

/** The URI of an action, as operations and jobs call it. */
export function actionUri(action: string): string {
  return `${NAMESPACE}/action/${action}`
}

/** The URL of a machine. */
export function machineUrl({ url }: Pick<Exchange, 'url'>, id: string): string {
  return url(MACHINES, id)
}

/** An instance's state as CIMI calls it. */
export function machineState({ state, spec }: Pick<Instance, 'state' | 'spec'>): string {
  return state === 'suspended' && spec.labels[PAUSED] !== undefined ? 'PAUSED' : toMachineState(state)
}

/** A state as CIMI calls it, as far as the word alone tells. */
export function toMachineState(state: InstanceState): string {
  return STATES[state]
}

/** Whether the state allows an action. The specification has `restart` of what is stopped mean `start`. */
export function allows(instance: Instance, action: MachineAction): boolean {
  const state = machineState(instance)
  return state === 'UNKNOWN' || (state === 'STOPPED' && action === 'restart') || actionsIn(state).includes(action)
}

/** An action in the service's words: what was suspended is resumed, and what is stopped is not restarted but started. */
export function toAction(action: MachineAction, { state }: Pick<Instance, 'state'>): Action {
  if (action === 'pause') return 'suspend'
  if (action === 'start' && state === 'suspended') return 'resume'
  return action === 'restart' && state === 'inactive' ? 'start' : action
}

/** What the provider of an instance can do. */
export interface Abilities {
  readonly actions: readonly Action[]
  readonly savesImages: boolean
}

/** An instance as a machine; user data are no part of it. */
export function fromInstance(instance: Instance, can: Abilities, exchange: Pick<Exchange, 'url'>): Resource {
  const { id, spec, size, image } = instance
  const href = machineUrl(exchange, id)
  const within = (name: string): string => exchange.url(MACHINES, id, name)
  return toResource('Machine', {
    id: href,
    ...namingAttributes(spec, instance, {
      name: spec.hostname ?? id,
      description: `${image.name} on ${size.name}`,
      properties: new Map([
        ...(spec.labels[SECRET_VARIABLES] === undefined ? Object.entries(spec.variables) : []),
        ...fromSwitches(spec),
      ]),
    }),
    state: machineState(instance),
    cpu: size.cores,
    memory: size.memoryMiB * KIB_PER_MIB,
    disks: referenceTo('DiskCollection', within('disks')),
    volumes: referenceTo('MachineVolumeCollection', within('volumes')),
    networkInterfaces: referenceTo('MachineNetworkInterfaceCollection', within('network_interfaces')),
    eventLog: referenceTo('EventLog', exchange.url('event_logs', id)),
    operations: operationsOf(...operations(instance, can, exchange)),
  })
}

function* operations(
  instance: Instance,
  { actions, savesImages }: Abilities,
  exchange: Pick<Exchange, 'url'>,
): Iterable<readonly [string, string]> {
  const { id } = instance
  const state = machineState(instance)
  const href = machineUrl(exchange, id)
  for (const action of actionsIn(state))
    if (actions.includes(toAction(action, instance))) yield [actionUri(action), exchange.url(MACHINES, id, action)]
  if (savesImages && (state === 'STARTED' || state === 'STOPPED'))
    yield [actionUri('capture'), exchange.url('machine_images')]
  yield ['edit', href]
  yield ['delete', href]
}

function actionsIn(state: string): readonly MachineAction[] {
  return ACTIONS[state] ?? []
}
