import { CloudError } from '../../model/errors.ts'
import type { Catalogue } from './catalogue.ts'
import { CONTEXT_MIXINS, lineage, type Attribute, type ContextMeaning, type Definition } from './categories.ts'
import { typeId, type Category, type Representation, type Value } from './representation.ts'

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
  /** What was left aside, for the client to know. */
  readonly warnings: readonly string[]
}

/**
 * Gives a representation its meaning: what its names are, of which type its values.
 *
 * @throws {CloudError} invalid when kind or mixin are unknown, or a value is not of its attribute's type
 */
export function checkEntity(representation: Representation, catalogue: Catalogue): CheckedEntity {
  const definitions = representation.categories.map((category) => known(category, catalogue))
  const [kind, ...more] = definitions.filter((definition) => definition.class === 'kind')
  if (!kind) throw new CloudError('invalid', 'a new entity needs the Category of its kind; GET /-/ lists all')
  if (more.length > 0) throw new CloudError('invalid', `an entity has one kind, not ${more.length + 1}`)
  const action = definitions.find((definition) => definition.class === 'action')
  if (action) throw new CloudError('invalid', `${typeId(action)} is an action; POST it to ?action=${action.term}`)
  checkLinks(representation, catalogue)

  const mixins = new Set(definitions.filter((definition) => definition.class === 'mixin'))
  const allowed = attributesOf([kind, ...mixins, ...CONTEXT_MIXINS])
  const attributes = new Map<string, Value>()
  const context: ContextEntry[] = []
  const warnings: string[] = []
  for (const [name, value] of representation.attributes) {
    const attribute = allowed.get(name)
    if (!attribute) warnings.push(`${name} is no attribute that is known here; it was ignored`)
    if (!attribute || attribute.immutable) continue
    if (attribute.values && !attribute.values.includes(String(value))) {
      warnings.push(`${name} can be ${attribute.values.join(' or ')}; it was ignored`)
      continue
    }
    attributes.set(attribute.name, typed(attribute, name, value))
    const mixin = CONTEXT_MIXINS.find((one) => one.attributes.some((own) => own === attribute))
    if (!mixin) continue
    if (!mixins.has(mixin)) warnings.push(`${name} came without its Category ${typeId(mixin)}; it was added`)
    mixins.add(mixin)
    if (attribute !== mixin.context.data) continue
    context.push({ meaning: mixin.context.meaning, mixin, attribute: name, text: String(value) })
  }
  for (const mixin of mixins)
    if (mixin.context && !context.some((entry) => entry.mixin === mixin))
      warnings.push(`${typeId(mixin)} came without ${mixin.context.data.name}; the guest is told nothing by it`)
  return { kind, mixins: [...mixins], attributes, context, warnings }
}

/**
 * What an action request asks for.
 *
 * @param action the one that the URL names
 * @returns the `method`, where the client named one
 * @throws {CloudError} invalid when the body names another action, or a method that the action has not
 */
export function checkAction(representation: Representation, action: Definition): string | undefined {
  const other = representation.categories.find((category) => typeId(category) !== typeId(action))
  if (other) throw new CloudError('invalid', `the URL says ${action.term}, the body ${clip(typeId(other))}`)
  const [attribute] = action.attributes
  const method = attribute && representation.attributes.get(attribute.name)
  if (method === undefined) return undefined
  if (!attribute?.values?.includes(String(method)))
    throw new CloudError(
      'invalid',
      `${attribute?.name} of ${action.term} can be ${attribute?.values?.join(' or ')}, not "${clip(String(method))}"`,
    )
  return String(method)
}

function known(category: Category, catalogue: Catalogue): Definition {
  const definition = catalogue.find(category)
  if (definition) return definition
  const what = category.class ?? 'category'
  throw new CloudError('invalid', `the ${what} ${clip(typeId(category))} is not known here; GET /-/ lists all that are`)
}

/** Links to what can be done now come back from clients that echo; a link to another entity would be lost in silence. */
function checkLinks({ links }: Representation, catalogue: Catalogue): void {
  const actions = new Set(catalogue.definitions.filter((one) => one.class === 'action').map(typeId))
  const link = links.find(({ rel }) => !actions.has(rel))
  if (link) throw new CloudError('invalid', `a link to ${clip(link.rel)} cannot be made here; leave it out`)
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
