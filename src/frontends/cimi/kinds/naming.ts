import type { Renaming } from '../../../service/service.ts'
import type { Properties, Resource } from '../document.ts'
import type { Query } from '../query.ts'
import { propertiesOf, textOf, toTime, type Attributes } from '../resource.ts'

/** What is kept with something so that its client gets back what he sent. */
const LABELS = {
  description: 'cimi.description',
  /** Pairs, as JSON. */
  properties: 'cimi.properties',
} as const

/** Pairs that were taken away; without them a machine would show those that its guest was told. */
const NO_PROPERTIES = '[]'

/** What people call something, in the service's words. */
interface Named {
  readonly name?: string
  readonly labels: Readonly<Record<string, string>>
}

/** The same with when it was made and changed. */
interface Dated {
  readonly createdAt: number
  readonly updatedAt: number
}

/** What of a new resource is only kept for its client. */
export function toNaming(resource: Resource): Named {
  const name = textOf(resource, 'name')
  const labels = Object.entries(labelsOf(resource)).filter((label): label is [string, string] => label[1] !== null)
  return { ...(name === undefined ? {} : { name }), labels: Object.fromEntries(labels) }
}

/** What an update changes of that: all of it, or what the query selects. */
export function toRenaming(resource: Resource, { select }: Pick<Query, 'select'>): Renaming {
  const isMeant = (name: string): boolean => select?.has(name) ?? true
  const { [LABELS.description]: description, [LABELS.properties]: properties } = labelsOf(resource)
  return {
    ...(isMeant('name') ? { name: textOf(resource, 'name') ?? null } : {}),
    labels: {
      ...(isMeant('description') ? { [LABELS.description]: description } : {}),
      ...(isMeant('properties') ? { [LABELS.properties]: properties ?? NO_PROPERTIES } : {}),
    },
  }
}

/**
 * Name, description, times and properties as every resource shows them; clients need the first two not to be empty.
 *
 * @param dated without times where nobody knows them
 * @param otherwise what stands where the user gave none
 */
export function namingAttributes(
  { name, labels }: Named,
  { createdAt, updatedAt }: Partial<Dated>,
  otherwise: { readonly name: string; readonly description: string; readonly properties?: Properties },
): Attributes {
  return {
    name: isBlank(name) ? otherwise.name : name,
    description: labels[LABELS.description] ?? otherwise.description,
    created: createdAt === undefined ? undefined : toTime(createdAt),
    updated: updatedAt === undefined ? undefined : toTime(updatedAt),
    properties: keptProperties(labels) ?? otherwise.properties,
  }
}

/** Another front end may have given a name that says nothing. */
function isBlank(name: string | undefined): boolean {
  return name === undefined || name.trim() === ''
}

function labelsOf(resource: Resource) {
  const properties = propertiesOf(resource)
  return {
    [LABELS.description]: textOf(resource, 'description') ?? null,
    [LABELS.properties]: properties ? JSON.stringify([...properties]) : null,
  }
}

function keptProperties(labels: Named['labels']): Properties | undefined {
  const kept = labels[LABELS.properties]
  return kept === undefined ? undefined : new Map(JSON.parse(kept) as readonly (readonly [string, string])[])
}
