import { SECRET_VARIABLES, variablesOf } from '../../../formats/variables.ts'
import { CloudError } from '../../../model/errors.ts'
import { deliveryOf, type ContextEvent } from '../../../model/events.ts'
import { toHostname } from '../../../model/context.ts'
import type { Action, Instance, InstanceSpec, InstanceState } from '../../../model/instance.ts'
import type { Link as ModelLink, LinkSpec } from '../../../model/link.ts'
import { ATTRIBUTES } from '../attributes.ts'
import { toReference } from '../catalogue.ts'
import {
  COMPUTE,
  COMPUTE_ACTIONS,
  CONTEXT_MIXINS,
  DELIVERY,
  FORMAT_MIXINS,
  osTemplate,
  resourceTemplate,
  USER_DATA_ENCODING,
  USER_DATA_VARIABLES,
  type ContextMeaning,
  type Definition,
} from '../categories.ts'
import { emptyContext, type CheckedEntity } from '../check.ts'
import { toPlainText, typeId, type Representation, type Value } from '../representation.ts'
import { actionLinks } from './action-links.ts'
import { idsIn, LABELS, tagsOf } from './labels.ts'
import { toInlineLink } from './link-map.ts'
import { namingAttributes, textOf, toNaming } from './naming.ts'
import { fromSwitches, toSwitches } from './switches.ts'
import { fromUserData, toKeys, toUserData, type UserDataEncoding } from './user-data.ts'

const MIB_PER_GIB = 1024

/** What a compute's client may wish for, yet its size decides. */
const DECIDED_BY_SIZE = [
  ATTRIBUTES.architecture,
  ATTRIBUTES.cores,
  ATTRIBUTES.memory,
  ATTRIBUTES.share,
  ATTRIBUTES.speed,
]

/** A term of an action that changes a compute's state. */
export type StateAction = Exclude<keyof typeof COMPUTE_ACTIONS, 'save'>
type OcciState = 'active' | 'inactive' | 'suspended' | 'error'

/** OCCI has no word for what is on its way: it is `inactive`, and the message says why. */
const STATES: Readonly<Record<InstanceState, readonly [state: OcciState, message?: string]>> = {
  creating: ['inactive', 'it is being made'],
  active: ['active'],
  inactive: ['inactive'],
  suspended: ['suspended'],
  deleting: ['inactive', 'it is being deleted'],
  deleted: ['inactive'],
  error: ['error'],
  unknown: ['inactive', 'its cloud does not tell its state'],
}

/** What can be done in each state; a compute always shows an action, for the OGF's checker reads one. */
const ACTIONS: Readonly<Record<OcciState, readonly (keyof typeof COMPUTE_ACTIONS)[]>> = {
  active: ['stop', 'restart', 'suspend', 'save'],
  inactive: ['start', 'save'],
  suspended: ['start', 'save'],
  error: ['start'],
}

/**
 * What a client asks for, in the model's words.
 *
 * @param links what it is to be joined to
 * @param standing how the OCCI 1.2 mixin's data are written where the request does not say
 * @throws {CloudError} invalid when templates contradict each other, user data is not base64, or no variables can be made of
 *   them, or a key is no key; conflict when two different user data came
 */
export function toSpec(
  checked: CheckedEntity,
  links: readonly LinkSpec[],
  standing: UserDataEncoding,
): { readonly spec: InstanceSpec; readonly warnings: readonly string[] } {
  const { mixins, attributes, warnings } = checked
  const { image, size } = templatesOf(mixins)
  if (image && size && image.provider !== size.provider)
    throw new CloudError('invalid', `${image.name} and ${size.name} are of different providers; take both of one`)
  const { name, labels } = toNaming(checked)
  const sentHostname = textOf(checked, ATTRIBUTES.hostname)
  const hostname = sentHostname === undefined ? undefined : toHostname(sentHostname)
  const { userData, encoding, mediaType, format } = toUserData(checked, standing)
  const carried = mixins.filter(isKept).map(typeId)
  const hasVariables = mixins.includes(USER_DATA_VARIABLES)
  return {
    spec: {
      ...(name === undefined ? {} : { name }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(image ? { image: image.name } : {}),
      ...(size ? { size: size.name } : {}),
      ...(userData ? { userData } : {}),
      ...(format === undefined ? {} : { userDataFormat: format }),
      ...toSwitches(mixins),
      publicKeys: toKeys(checked),
      variables: hasVariables ? variablesOf(userData) : {},
      files: [],
      ...(links.length === 0 ? {} : { links }),
      labels: {
        [LABELS.mixins]: carried.join(' '),
        ...(sentHostname === undefined ? {} : { [LABELS.hostname]: sentHostname }),
        ...(encoding === undefined ? {} : { [LABELS.encoding]: encoding }),
        ...(mediaType === undefined ? {} : { [LABELS.mediaType]: mediaType }),
        ...(hasVariables ? { [SECRET_VARIABLES]: 'true' } : {}),
        ...labels,
      },
    },
    warnings: [
      ...warnings,
      ...emptyContext(checked),
      ...DECIDED_BY_SIZE.filter(({ name: wished }) => attributes.has(wished)).map(
        ({ name: wished }) => `${wished} is decided by the size; choose a resource_tpl`,
      ),
      ...(sentHostname !== undefined && hostname === undefined ? [unusable()] : []),
    ],
  }
}

/** The image and size that mixins name. @throws {CloudError} invalid when there are several of a sort */
export function templatesOf(mixins: readonly Definition[]): Pick<Definition, 'image' | 'size'> {
  const [image, size] = [only(mixins.filter((mixin) => mixin.image)), only(mixins.filter((mixin) => mixin.size))]
  return { ...(image?.image ? { image: image.image } : {}), ...(size?.size ? { size: size.size } : {}) }
}

/** Every category that an instance carries, its kind first. */
export function computeDefinitions(
  { spec, image, size, userDataSha256 }: Instance,
  usersMixins: readonly Definition[],
): readonly Definition[] {
  // What did not come through OCCI is shown in OCCI's own family.
  const has: Record<ContextMeaning, boolean> = {
    'user-data': userDataSha256 !== undefined,
    'public-key': spec.publicKeys.length > 0,
  }
  const standard = CONTEXT_MIXINS.filter(
    (mixin, index) => has[mixin.context.meaning] && index === firstOf(mixin.context.meaning),
  )
  const ids = idsIn(spec.labels, LABELS.mixins)
  const carried =
    spec.labels[LABELS.mixins] === undefined ? standard : KEPT.filter((mixin) => ids.includes(typeId(mixin)))
  return [
    COMPUTE,
    osTemplate(image),
    resourceTemplate(size),
    ...carried,
    ...fromSwitches(spec),
    DELIVERY,
    ...tagsOf(spec.labels, usersMixins),
  ]
}

/** What is shown with an instance. */
export interface Shown {
  readonly links: readonly ModelLink[]
  /** What is known of it, in order. */
  readonly events: readonly ContextEvent[]
  readonly usersMixins: readonly Definition[]
  /** Only where user data are shown at all: how the OCCI 1.2 mixin's are written, and whether values can have several lines. */
  readonly userData?: { readonly standing: UserDataEncoding; readonly multiline: boolean }
}

/** An instance as a compute. */
export function fromInstance(instance: Instance, shown: Shown): Representation {
  const definitions = computeDefinitions(instance, shown.usersMixins)
  return {
    categories: definitions.map(toReference),
    links: [
      ...actionLinks(
        COMPUTE,
        instance.id,
        ACTIONS[STATES[instance.state][0]].map((term) => COMPUTE_ACTIONS[term]),
      ),
      ...shown.links.map(toInlineLink),
    ],
    attributes: new Map([
      ...computeAttributes(instance),
      ...keyAttributes(instance, definitions),
      ...userDataAttributes(instance, definitions, shown),
      ...deliveryAttributes(instance, shown.events),
    ]),
    locations: [],
  }
}

/** What an OCCI action is in our words: starting what is suspended resumes it. */
export function toAction(term: StateAction, state: InstanceState): Action {
  return term === 'start' && state === 'suspended' ? 'resume' : term
}

/** A state as OCCI calls it. */
export function occiStateOf(state: InstanceState): string {
  return STATES[state][0]
}

/** Whether a compute in this state shows the action; where its state is unknown, any may do. */
export function allows(state: InstanceState, action: Definition): boolean {
  return state === 'unknown' || ACTIONS[STATES[state][0]].some((term) => COMPUTE_ACTIONS[term] === action)
}

/** Another hostname that an update wishes for, and what comes of it. */
export function newHostname(
  checked: CheckedEntity,
  instance: Pick<Instance, 'spec'>,
): {
  readonly change: { readonly hostname?: string }
  readonly labels: Readonly<Record<string, string>>
  readonly warnings: readonly string[]
} {
  const sent = textOf(checked, ATTRIBUTES.hostname)
  if (sent === undefined || sent === hostnameOf(instance)) return { change: {}, labels: {}, warnings: [] }
  const hostname = toHostname(sent)
  if (hostname === undefined) return { change: {}, labels: {}, warnings: [unusable()] }
  const later = `${ATTRIBUTES.hostname.name}: the guest reads it when it asks the metadata server next; a disk keeps the former`
  return { change: { hostname }, labels: { [LABELS.hostname]: sent }, warnings: [later] }
}

function unusable(): string {
  return `nothing of ${ATTRIBUTES.hostname.name} can stand in a hostname; it was ignored`
}

/** The hostname as its client wrote it. */
function hostnameOf({ spec }: Pick<Instance, 'spec'>): string | undefined {
  return spec.labels[LABELS.hostname] ?? spec.hostname
}

/** How the instance's data of the OCCI 1.2 mixin are written. */
export function encodingOf({ spec }: Pick<Instance, 'spec'>, standing: UserDataEncoding): UserDataEncoding {
  const label = spec.labels[LABELS.encoding]
  return label === 'raw' || label === 'base64' ? label : standing
}

/** What the size decides, with the value that it has. */
function sizeAttributes({ size }: Pick<Instance, 'size'>): ReadonlyMap<string, Value> {
  return new Map<string, Value>([
    [ATTRIBUTES.cores.name, size.cores],
    [ATTRIBUTES.memory.name, size.memoryMiB / MIB_PER_GIB],
  ])
}

/** Attributes of a request that wish for another size than there is. */
export function wishesForSize(checked: CheckedEntity, instance: Pick<Instance, 'size'>): readonly string[] {
  const decided = sizeAttributes(instance)
  return DECIDED_BY_SIZE.flatMap(({ name }) => {
    const wish = checked.attributes.get(name)
    return wish === undefined || wish === decided.get(name) ? [] : [`${name} is decided by the size; it stays as it is`]
  })
}

/** Mixins of ours that are kept with the instance they came with. */
const KEPT: readonly Definition[] = [...CONTEXT_MIXINS, USER_DATA_ENCODING, ...FORMAT_MIXINS, USER_DATA_VARIABLES]

function isKept(mixin: Definition): boolean {
  return KEPT.includes(mixin)
}

function firstOf(meaning: ContextMeaning): number {
  return CONTEXT_MIXINS.findIndex((mixin) => mixin.context.meaning === meaning)
}

function only(templates: readonly Definition[]): Definition | undefined {
  if (templates.length > 1)
    throw new CloudError('invalid', `one template of a sort is enough: ${templates.map(({ term }) => term).join(', ')}`)
  return templates[0]
}

function* computeAttributes(instance: Instance): Iterable<[string, Value]> {
  const { id, spec, state, reason } = instance
  const hostname = hostnameOf(instance)
  const [occi, because] = STATES[state]
  const message = reason ?? because
  yield [ATTRIBUTES.id.name, id]
  yield* namingAttributes(spec.name, spec.labels)
  if (hostname !== undefined) yield [ATTRIBUTES.hostname.name, hostname]
  yield* sizeAttributes(instance)
  // Before the state: rOCCI nests dotted names, and the later one wins.
  if (message !== undefined) yield [ATTRIBUTES.stateMessage.name, toPlainText(message)]
  yield [ATTRIBUTES.state.name, occi]
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

/** Said is what the client said; the data themselves only where that is wanted, for they may be secret. */
function* userDataAttributes(
  instance: Instance,
  definitions: readonly Definition[],
  { userData: shown }: Shown,
): Iterable<[string, Value]> {
  const { labels, userData } = instance.spec
  const [encoding, mediaType] = [labels[LABELS.encoding], labels[LABELS.mediaType]]
  if (encoding !== undefined) yield [ATTRIBUTES.userDataEncoding.name, encoding]
  if (mediaType !== undefined) yield [ATTRIBUTES.userDataMediaType.name, mediaType]
  if (!shown || !userData) return
  for (const { context } of definitions) {
    if (context?.meaning !== 'user-data') continue
    const text = fromUserData(userData, context.data, encodingOf(instance, shown.standing), shown.multiline)
    if (text !== undefined) yield [context.data.name, text]
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
  if (plan.wrapped?.sha256 !== undefined) yield [ATTRIBUTES.wrappedSha256.name, plan.wrapped.sha256]
  if (plan.wrapped) yield [ATTRIBUTES.wrappedSize.name, plan.wrapped.sizeBytes]
  if (state !== undefined) yield [ATTRIBUTES.deliveryState.name, state]
  if (servedBy !== undefined) yield [ATTRIBUTES.deliveryMethod.name, servedBy]
  if (last) yield [ATTRIBUTES.deliveryLastEvent.name, `${last.kind} ${last.source} ${new Date(last.at).toISOString()}`]
}
