import { Buffer } from 'node:buffer'
import { toHostname, toPublicKey, type PublicKey } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import { deliveryOf, type ContextEvent } from '../../model/events.ts'
import type { Action, Instance, InstanceSpec, InstanceState } from '../../model/instance.ts'
import { decodeBase64 } from '../../wire/base64.ts'
import { toReference } from './catalogue.ts'
import {
  ATTRIBUTES,
  COMPUTE,
  COMPUTE_ACTIONS,
  CONTEXT_MIXINS,
  DELIVERY,
  osTemplate,
  resourceTemplate,
  type ContextMeaning,
  type Definition,
} from './categories.ts'
import type { CheckedEntity, ContextEntry } from './check.ts'
import { toPlainText, typeId, type Link, type Representation, type Value } from './representation.ts'

const MIB_PER_GIB = 1024

/** What we keep with an instance so that its client gets back what he sent. */
const LABELS = { mixins: 'occi.mixins', hostname: 'occi.hostname', summary: 'occi.summary' } as const

/** What a compute's client may wish for, yet its size decides. */
const DECIDED_BY_SIZE = [
  ATTRIBUTES.architecture,
  ATTRIBUTES.cores,
  ATTRIBUTES.memory,
  ATTRIBUTES.share,
  ATTRIBUTES.speed,
]

/** A term of an action on computes. */
export type OcciAction = keyof typeof COMPUTE_ACTIONS
type OcciState = 'active' | 'inactive' | 'suspended' | 'error'

/** OCCI has no word for what is on its way: it is `inactive`, and the message says why. */
const STATES: Readonly<Record<InstanceState, OcciState>> = {
  creating: 'inactive',
  active: 'active',
  inactive: 'inactive',
  suspended: 'suspended',
  deleting: 'inactive',
  deleted: 'inactive',
  error: 'error',
  unknown: 'inactive',
}

const STATE_MESSAGES: Readonly<Partial<Record<InstanceState, string>>> = {
  creating: 'it is being made',
  deleting: 'it is being deleted',
  unknown: 'its cloud does not tell its state',
}

/** What can be done in each state; a compute always shows an action, for the OGF's checker reads one. */
const ACTIONS: Readonly<Record<OcciState, readonly OcciAction[]>> = {
  active: ['stop', 'restart', 'suspend'],
  inactive: ['start'],
  suspended: ['start'],
  error: ['start'],
}

/**
 * What a client asks for, in the model's words.
 *
 * @throws {CloudError} invalid when templates contradict each other, user data is not base64 or a key is no key; conflict
 *   when two different user data came
 */
export function toSpec({ mixins, attributes, context, warnings }: CheckedEntity): {
  readonly spec: InstanceSpec
  readonly warnings: readonly string[]
} {
  const image = only(mixins.filter((mixin) => mixin.image))?.image
  const size = only(mixins.filter((mixin) => mixin.size))?.size
  if (image && size && image.provider !== size.provider)
    throw new CloudError('invalid', `${image.name} and ${size.name} are of different providers; take both of one`)
  const text = (name: string): string | undefined => attributes.get(name)?.toString()
  const [title, summary] = [text(ATTRIBUTES.title.name), text(ATTRIBUTES.summary.name)]
  const sentHostname = text(ATTRIBUTES.hostname.name)
  const hostname = sentHostname === undefined ? undefined : toHostname(sentHostname)
  const userData = toUserData(context)
  const carried = mixins.filter((mixin) => mixin.context).map(typeId)
  return {
    spec: {
      ...(title === undefined ? {} : { name: title }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(image ? { image: image.name } : {}),
      ...(size ? { size: size.name } : {}),
      ...(userData ? { userData } : {}),
      publicKeys: toKeys(context, text),
      variables: {},
      files: [],
      labels: {
        [LABELS.mixins]: carried.join(' '),
        ...(sentHostname === undefined ? {} : { [LABELS.hostname]: sentHostname }),
        ...(summary === undefined ? {} : { [LABELS.summary]: summary }),
      },
    },
    warnings: [
      ...warnings,
      ...DECIDED_BY_SIZE.filter(({ name }) => attributes.has(name)).map(
        ({ name }) => `${name} is decided by the size; choose a resource_tpl`,
      ),
      ...(sentHostname !== undefined && hostname === undefined
        ? [`nothing of ${ATTRIBUTES.hostname.name} can stand in a hostname; it was ignored`]
        : []),
    ],
  }
}

/** Every category that an instance carries, its kind first. */
export function definitionsOf({ spec, image, size, userDataSha256 }: Instance): readonly Definition[] {
  const ids = spec.labels[LABELS.mixins]?.split(' ')
  // What did not come through OCCI is shown in OCCI's own family.
  const has: Record<ContextMeaning, boolean> = {
    'user-data': userDataSha256 !== undefined,
    'public-key': spec.publicKeys.length > 0,
  }
  const standard = CONTEXT_MIXINS.filter(
    (mixin, index) => has[mixin.context.meaning] && index === firstOf(mixin.context.meaning),
  )
  const carried = ids === undefined ? standard : CONTEXT_MIXINS.filter((mixin) => ids.includes(typeId(mixin)))
  return [COMPUTE, osTemplate(image), resourceTemplate(size), ...carried, DELIVERY]
}

/**
 * An instance as a compute. The user's bytes are never in it: their digest, size and format are, and what became of them.
 *
 * @param events what is known of it, in order
 */
export function fromInstance(instance: Instance, events: readonly ContextEvent[]): Representation {
  const definitions = definitionsOf(instance)
  return {
    categories: definitions.map(toReference),
    links: ACTIONS[STATES[instance.state]].map((action) => actionLink(instance.id, COMPUTE_ACTIONS[action])),
    attributes: new Map([
      ...computeAttributes(instance),
      ...keyAttributes(instance, definitions),
      ...deliveryAttributes(instance, events),
    ]),
    locations: [],
  }
}

/** Path of a compute. */
export function pathOf(id: string): string {
  return `${COMPUTE.location}${id}`
}

/** What an OCCI action is in our words: starting what is suspended resumes it. */
export function toAction(term: OcciAction, state: InstanceState): Action {
  return term === 'start' && state === 'suspended' ? 'resume' : term
}

/** Whether a compute in this state shows the action; where its state is unknown, any may do. */
export function allows(state: InstanceState, term: OcciAction): boolean {
  return state === 'unknown' || ACTIONS[STATES[state]].includes(term)
}

function firstOf(meaning: ContextMeaning): number {
  return CONTEXT_MIXINS.findIndex((mixin) => mixin.context.meaning === meaning)
}

function only(templates: readonly Definition[]): Definition | undefined {
  if (templates.length > 1)
    throw new CloudError('invalid', `one template of a sort is enough: ${templates.map(({ term }) => term).join(', ')}`)
  return templates[0]
}

function toUserData(context: readonly ContextEntry[]): Uint8Array | undefined {
  const entries = context.filter(({ meaning }) => meaning === 'user-data')
  const [first, ...others] = entries.map(({ text, attribute }) => ({ attribute, bytes: decodeBase64(text, attribute) }))
  const different = others.find(({ bytes }) => first && !Buffer.from(bytes).equals(first.bytes))
  if (different)
    throw new CloudError(
      'conflict',
      `${first?.attribute} and ${different.attribute} hold different user data; send one`,
    )
  return first?.bytes
}

function toKeys(context: readonly ContextEntry[], text: (name: string) => string | undefined): readonly PublicKey[] {
  const keys = context
    .filter(({ meaning }) => meaning === 'public-key')
    .map((entry) => {
      const name = entry.mixin.context?.name
      return toPublicKey(entry.text, name && text(name.name))
    })
  return keys.filter((key, index) => keys.findIndex((other) => other.text === key.text) === index)
}

function* computeAttributes({ id, spec, size, state, reason }: Instance): Iterable<[string, Value]> {
  const hostname = spec.labels[LABELS.hostname] ?? spec.hostname
  const message = reason ?? STATE_MESSAGES[state]
  yield [ATTRIBUTES.id.name, id]
  if (spec.name !== undefined) yield [ATTRIBUTES.title.name, spec.name]
  const summary = spec.labels[LABELS.summary]
  if (summary !== undefined) yield [ATTRIBUTES.summary.name, summary]
  yield [ATTRIBUTES.cores.name, size.cores]
  if (hostname !== undefined) yield [ATTRIBUTES.hostname.name, hostname]
  yield [ATTRIBUTES.memory.name, size.memoryMiB / MIB_PER_GIB]
  // Before the state: rOCCI nests dotted names, and the later one wins.
  if (message !== undefined) yield [ATTRIBUTES.stateMessage.name, toPlainText(message)]
  yield [ATTRIBUTES.state.name, STATES[state]]
}

function* keyAttributes({ spec }: Instance, definitions: readonly Definition[]): Iterable<[string, Value]> {
  const [key] = spec.publicKeys
  if (!key) return
  for (const { context } of definitions) {
    if (context?.meaning !== 'public-key') continue
    if (context.name) yield [context.name.name, key.name]
    yield [context.data.name, key.text]
  }
}

function* deliveryAttributes(
  { plan, revision, userDataSha256 }: Instance,
  events: readonly ContextEvent[],
): Iterable<[string, Value]> {
  const { state, servedBy } = deliveryOf(events, revision)
  const last = events.findLast(({ kind }) => kind !== 'state')
  if (userDataSha256 !== undefined) yield [ATTRIBUTES.userDataSha256.name, userDataSha256]
  if (plan.userData) {
    yield [ATTRIBUTES.userDataSize.name, plan.userData.sizeBytes]
    yield [ATTRIBUTES.userDataFormat.name, toPlainText(plan.userData.format)]
  }
  if (state !== undefined) yield [ATTRIBUTES.deliveryState.name, state]
  if (servedBy !== undefined) yield [ATTRIBUTES.deliveryMethod.name, servedBy]
  if (last) yield [ATTRIBUTES.deliveryLastEvent.name, `${last.kind} ${last.source} ${new Date(last.at).toISOString()}`]
}

function actionLink(id: string, action: Definition): Link {
  return { target: `${pathOf(id)}?action=${action.term}`, rel: typeId(action), categories: [], attributes: new Map() }
}
