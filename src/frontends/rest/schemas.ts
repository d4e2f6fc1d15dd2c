import { Type } from 'typebox'
import type { DeliveryMethod, Evidence } from '../../model/events.ts'
import type { Action, InstanceState } from '../../model/instance.ts'
import { STATUS } from '../guard.ts'
import { strict } from './route.ts'

/** The keys of a table that the compiler keeps complete. */
export function wordsOf<Word extends string>(table: Readonly<Record<Word, true>>): Word[] {
  return Object.keys(table) as Word[]
}

const STATES = wordsOf<InstanceState>({
  creating: true,
  active: true,
  inactive: true,
  suspended: true,
  deleting: true,
  deleted: true,
  error: true,
  unknown: true,
})
const ACTIONS = wordsOf<Action>({ start: true, stop: true, restart: true, suspend: true, resume: true })
const METHODS = wordsOf<DeliveryMethod>({ metadata: true, disk: true, injection: true, provider: true })
const EVIDENCE = wordsOf<Evidence>({ access: true, report: true, agent: true, console: true })
const CODES = Object.keys(STATUS)

/** A point in time. */
export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC' })
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' })

/** The `{"error": …}` of every refusal. */
export const ErrorBody = Type.Object(
  {
    error: Type.Object(
      {
        code: Type.Enum(CODES, { description: 'stable' }),
        message: Type.String({ description: 'for people: what is wrong, and what to do' }),
      },
      strict,
    ),
  },
  { ...strict, title: 'Error' },
)

/** What will be, or was, done for an instance's data. */
export const PlanBody = Type.Object(
  {
    provider: Type.String(),
    deliveries: Type.Array(
      Type.Object({
        method: Type.Enum(METHODS),
        by: Type.Optional(Type.Literal('provider', { description: 'the cloud carries it; absent: Bellhop does' })),
        layouts: Type.Array(Type.String()),
        why: Type.String(),
        evidence: Type.Array(Type.Enum(EVIDENCE)),
      }),
      { description: 'in the order in which the guest tries them' },
    ),
    userData: Type.Optional(
      Type.Object({ sizeBytes: Type.Integer({ minimum: 0 }), sha256: Sha256, format: Type.String() }),
    ),
    warnings: Type.Array(Type.Object({ code: Type.String(), message: Type.String() })),
    wrapped: Type.Optional(
      Type.Object(
        { sizeBytes: Type.Integer({ minimum: 0 }), sha256: Type.Optional(Sha256) },
        { description: 'what the cloud is given: the user data as a part of a message; the digest is an instance’s' },
      ),
    ),
    tracking: Type.Optional(
      Type.Literal(false, { description: 'the guest is told nothing of ours, so it reports nothing' }),
    ),
  },
  { title: 'Plan' },
)

/** What became of an instance's data. */
const DeliveryBody = Type.Object(
  {
    state: Type.Optional(
      Type.String({ description: 'planned, offered, fetched, applied or failed: of this revision' }),
    ),
    servedBy: Type.Optional(Type.Enum(METHODS)),
    methods: Type.Optional(Type.Record(Type.String(), Type.String())),
    silent: Type.Optional(
      Type.Array(Type.Enum(METHODS), { description: 'the ways by which no sign of the guest came in time' }),
    ),
    finishedUnproven: Type.Optional(
      Type.Boolean({ description: 'the guest ended its boot, and nothing proves that it used the data' }),
    ),
  },
  { title: 'Delivery' },
)

const SUMMARY = {
  id: Type.String({ description: 'a UUID' }),
  name: Type.Optional(Type.String()),
  provider: Type.String(),
  remoteId: Type.Optional(Type.String({ description: "the cloud's own id" })),
  state: Type.Enum(STATES),
  reason: Type.Optional(Type.String({ description: 'why it is in error' })),
  image: Type.String(),
  size: Type.String(),
  revision: Type.Integer({ minimum: 1, description: 'counts the changes of what the guest is told' }),
  userDataSha256: Type.Optional(Sha256),
  createdAt: Time,
  updatedAt: Time,
  delivery: Type.Optional(DeliveryBody),
}

/** An instance among others. */
export const SummaryBody = Type.Object(SUMMARY, { ...strict, title: 'InstanceSummary' })

/** How its SSH server is known. */
const HostKeysBody = Type.Object(
  {
    keys: Type.Array(Type.String(), { description: 'as in known_hosts, without the host' }),
    verified: Type.Boolean({ description: "they came by the instance's own link or over https" }),
  },
  { ...strict, title: 'HostKeys' },
)

/** An instance. */
export const InstanceBody = Type.Object(
  {
    ...SUMMARY,
    plan: PlanBody,
    addresses: Type.Array(Type.String(), { description: 'of its network cards, as its provider tells them' }),
    hostKeys: Type.Optional(HostKeysBody),
    seedUrl: Type.Optional(
      Type.String({ description: 'where a guest elsewhere finds its NoCloud files; whoever has it has the user data' }),
    ),
  },
  { ...strict, title: 'Instance' },
)

/** One thing that was seen. */
export const EventBody = Type.Object(
  {
    sequence: Type.Integer({ minimum: 1, description: "of this instance's timeline" }),
    at: Time,
    instanceId: Type.String(),
    revision: Type.Integer({ minimum: 1 }),
    kind: Type.String(),
    source: Type.String({ description: 'who saw it' }),
    evidence: Type.Optional(Type.Enum(EVIDENCE, { description: 'how Bellhop knows; absent for what it did itself' })),
    method: Type.Optional(Type.Enum(METHODS)),
    state: Type.Optional(Type.Enum(STATES)),
    previous: Type.Optional(Type.Enum(STATES)),
    action: Type.Optional(Type.Enum(ACTIONS)),
    path: Type.Optional(Type.String()),
    isServed: Type.Optional(
      Type.Boolean({ description: 'there are no user data, and the guest took the file with its instance id' }),
    ),
    bytes: Type.Optional(Type.Integer({ minimum: 0 })),
    sha256: Type.Optional(Sha256),
    wrappedSha256: Type.Optional(Sha256),
    exitCode: Type.Optional(Type.Integer()),
    hostKeys: Type.Optional(Type.Array(Type.String(), { description: 'of its SSH server, as the guest said' })),
    hostKeysVerified: Type.Optional(
      Type.Boolean({ description: "they came by the instance's own link or over https" }),
    ),
    detail: Type.Optional(Type.String({ description: 'as the guest said it, where a guest did: show it escaped' })),
  },
  { title: 'Event' },
)

/** A page of a timeline. */
export const EventPage = Type.Object(
  {
    events: Type.Array(EventBody),
    next: Type.Integer({ minimum: 0, description: 'give it as `after` to go on' }),
  },
  strict,
)

/** What a console said. */
export const ConsoleBody = Type.Object(
  { text: Type.String(), next: Type.Integer({ minimum: 0, description: 'give it as `from` to go on' }) },
  strict,
)

/** What can be done to an instance. */
export const ActionBody = Type.Object(
  {
    action: Type.Enum(ACTIONS),
    method: Type.Optional(Type.String({ maxLength: 50, description: 'a variant that the provider knows (graceful)' })),
  },
  { ...strict, title: 'Action' },
)

/** What instances start from. */
export const ImageBody = Type.Object(
  {
    name: Type.String(),
    provider: Type.String(),
    remoteId: Type.String(),
    title: Type.String(),
    project: Type.Optional(Type.String({ description: 'the only one that has it' })),
  },
  { ...strict, title: 'Image' },
)

/** How large instances are. */
export const SizeBody = Type.Object(
  {
    name: Type.String(),
    provider: Type.String(),
    remoteId: Type.String(),
    title: Type.String(),
    cores: Type.Number(),
    memoryMiB: Type.Number(),
    diskGiB: Type.Optional(Type.Number()),
  },
  { ...strict, title: 'Size' },
)

/** What a provider can do. */
export const ProviderBody = Type.Object(
  {
    name: Type.String(),
    reachable: Type.Optional(Type.Boolean({ description: 'absent: it cannot be asked with your rights' })),
    rights: Type.Enum(['site', 'caller'], { description: 'whose it is asked with' }),
    update: Type.Enum(['live', 'rebuild', 'none'], { description: 'how an instance gets other user data' }),
    actions: Type.Array(Type.Enum(ACTIONS)),
    userDataMaxBytes: Type.Integer({ minimum: 0 }),
    keysMax: Type.Optional(Type.Integer({ minimum: 0 })),
    deliveries: Type.Array(
      Type.Object(
        {
          method: Type.Enum(METHODS),
          by: Type.Enum(['provider', 'bellhop']),
          layouts: Type.Array(Type.String()),
          userDataMaxBytes: Type.Integer({ minimum: 0 }),
          evidence: Type.Array(Type.Enum(EVIDENCE)),
        },
        strict,
      ),
    ),
    savesImages: Type.Boolean(),
    volumes: Type.Boolean(),
    networks: Type.Boolean(),
  },
  { ...strict, title: 'Provider' },
)
