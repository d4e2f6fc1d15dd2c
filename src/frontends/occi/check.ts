import { CloudError } from '../../model/errors.ts'
import type { Attribute } from './attributes.ts'
import type { Catalogue } from './catalogue.ts'
import { CONTEXT_MIXINS, DEFINITIONS, lineage, type ContextMeaning, type Definition } from './categories.ts'
import { typeId, type Category, type Link, type Representation, type Value } from './representation.ts'

/** Something that the guest is to be told, as the client wrote it. */
export interface ContextEntry {
  readonly meaning: ContextMeaning
  readonly mixin: Definition
  /** The attribute in the client's own spelling. */
  readonly attribute: string
  readonly text: string
}

/** An entity whose every name is known and whose every value has its type. */
export interface CheckedEntity {
  readonly kind: Definition
  readonly mixins: readonly Definition[]
  /** By the attribute's own name, never a stray spelling. */
  readonly attributes: ReadonlyMap<string, Value>
  readonly context: readonly ContextEntry[]
  /** To other entities; those to actions are left aside. */
  readonly links: readonly Link[]
  /** What was left aside, for the client to know. */
  readonly warnings: readonly string[]
}

/**
 * Gives a representation its meaning: what its names are, of which type its values.
 *
 * @param of what it is a part of, which needs no kind then; absent: it is something new
 * @throws {CloudError} invalid when kind or mixin are unknown or do not fit, or a value is not of its attribute's type
 */
export function checkEntity(representation: Representation, catalogue: Catalogue, of?: Definition): CheckedEntity {
  const definitions = representation.categories.map((category) => known(category, catalogue))
  const [kind = of, ...more] = definitions.filter((definition) => definition.class === 'kind')
  if (!kind) throw new CloudError('invalid', 'a new entity needs the Category of its kind; GET /-/ lists all')
  if (more.length > 0) throw new CloudError('invalid', `an entity has one kind, not ${more.length + 1}`)
  if (of && kind !== of)
    throw new CloudError('invalid', `this is a ${of.term} and stays one; it cannot become ${kind.term}`)
  const action = definitions.find((definition) => definition.class === 'action')
  if (action) throw new CloudError('invalid', `${typeId(action)} is an action; POST it to ?action=${action.term}`)

  const mixins = new Set(definitions.filter((definition) => definition.class === 'mixin'))
  for (const mixin of mixins) requireFit(mixin, kind)
  const implied = IMPLIED.filter((mixin) => fits(mixin, kind))
  const allowed = attributesOf([kind, ...mixins, ...implied])
  const attributes = new Map<string, Value>()
  const context: ContextEntry[] = []
  const warnings: string[] = []
  for (const [name, value] of representation.attributes) {
    const attribute = allowed.get(name)
    if (!attribute) warnings.push(unknown(name, allowed))
    if (!attribute || attribute.immutable) continue
    const meant = attribute.alsoValues?.[String(value)] ?? value
    if (attribute.values && !attribute.values.includes(String(meant))) {
      warnings.push(`${name} can be ${attribute.values.join(' or ')}; it was ignored`)
      continue
    }
    attributes.set(attribute.name, typed(attribute, name, meant))
    const mixin = implied.find((one) => one.attributes.includes(attribute))
    if (!mixin) continue
    if (!mixins.has(mixin)) warnings.push(`${name} came without its Category ${typeId(mixin)}; it was added`)
    mixins.add(mixin)
    if (attribute !== mixin.context?.data) continue
    context.push({ meaning: mixin.context.meaning, mixin, attribute: name, text: String(value) })
  }
  const links = entityLinks(representation, catalogue)
  return { kind, mixins: [...mixins], attributes, context, links, warnings }
}

/** Warns of mixins that promise something for the guest, yet bring nothing. */
export function emptyContext({ mixins, context }: CheckedEntity): readonly string[] {
  return mixins
    .filter((mixin) => mixin.context && !context.some((entry) => entry.mixin === mixin))
    .map((mixin) => `${typeId(mixin)} came without ${mixin.context?.data.name}; the guest is told nothing by it`)
}

/**
 * What an action request asks for.
 *
 * @param action the one that the URL names
 * @returns the action's attributes, by name
 * @throws {CloudError} invalid when the body names another action, a value that the action has not, or lacks what it needs
 */
export function checkAction(representation: Representation, action: Definition): ReadonlyMap<string, Value> {
  const other = representation.categories.find((category) => typeId(category) !== typeId(action))
  if (other) throw new CloudError('invalid', `the URL says ${action.term}, the body ${clip(typeId(other))}`)
  const given = new Map<string, Value>()
  for (const attribute of action.attributes) {
    const { name, values, required, alsoValues } = attribute
    const value = representation.attributes.get(name)
    if (value === undefined && required) throw new CloudError('invalid', `${action.term} needs the attribute ${name}`)
    if (value === undefined) continue
    const meant = alsoValues?.[String(value)] ?? value
    if (values && !values.includes(String(meant)))
      throw new CloudError(
        'invalid',
        `${name} of ${action.term} can be ${values.join(' or ')}, not "${clip(String(value))}"`,
      )
    given.set(name, typed(attribute, name, meant))
  }
  return given
}

/** Mixins of ours that come with their attributes where a client forgot the Category. */
const IMPLIED = DEFINITIONS.filter((one) => one.class === 'mixin' && one.attributes.length > 0)

function known(category: Category, catalogue: Catalogue): Definition {
  const definition = catalogue.find(category)
  if (definition) return definition
  const what = category.class ?? 'category'
  throw new CloudError('invalid', `the ${what} ${clip(typeId(category))} is not known here; GET /-/ lists all that are`)
}

function fits({ applies }: Definition, kind: Definition): boolean {
  return !applies || applies.includes(kind)
}

function requireFit(mixin: Definition, kind: Definition): void {
  if (!fits(mixin, kind))
    throw new CloudError(
      'invalid',
      `${typeId(mixin)} is for ${mixin.applies?.map(({ term }) => term).join(' and ')}, not for ${kind.term}`,
    )
}

/** User data that are split up would be lost in silence. */
function unknown(name: string, allowed: ReadonlyMap<string, Attribute>): string {
  const whole = CONTEXT_MIXINS.map(({ context }) => context.data.name).find((data) => name.startsWith(`${data}.`))
  if (whole !== undefined && allowed.has(whole))
    throw new CloudError('invalid', `${whole} must be one string; write what it holds as base64`)
  return `${clip(name)} is no attribute that is known here; it was ignored`
}

/** Links to what can be done now come back from clients that echo. */
function entityLinks({ links }: Representation, catalogue: Catalogue): readonly Link[] {
  const actions = new Set(catalogue.definitions.filter((one) => one.class === 'action').map(typeId))
  return links.filter(({ rel }) => !actions.has(rel))
}

/** By every spelling that is read. */
function attributesOf(definitions: readonly Definition[]): ReadonlyMap<string, Attribute> {
  return new Map(
    definitions
      .flatMap(lineage)
      .flatMap(({ attributes }) => attributes)
      .flatMap((attribute) =>
        [attribute.name, ...(attribute.alsoRead ?? [])].map((name) => [name, attribute] as const),
      ),
  )
}

/** How numbers are written, and how errors call them. */
const NUMBERS = {
  integer: [/^\d{1,15}$/, 'a whole number'],
  float: [/^\d{1,15}(?:\.\d{1,15})?$/, 'a number such as 2 or 0.5'],
} as const

// Some clients quote numbers, and text may come without quotes.
function typed({ type }: Attribute, name: string, value: Value): Value {
  const text = String(value)
  if (type === 'text') return text
  const [pattern, called] = NUMBERS[type]
  if (!pattern.test(text)) throw new CloudError('invalid', `${name}: "${clip(text)}" is not ${called}`)
  return Number(text)
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
