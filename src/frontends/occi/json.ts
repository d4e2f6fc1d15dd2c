import { ATTRIBUTES } from './attributes.ts'
import { definesCategories, parseCategories, renderCategories } from './json-category.ts'
import { isLink, NOTHING, parseEntity, parseInvocation, renderEntity, sourceOf, toInlineLink } from './json-entity.ts'
import { elementsOf, memberOf, parseJson, refuse, textAt, type JsonNode } from './json-node.ts'
import type { Answer, Codec, Link, Representation } from './representation.ts'

const ENTITY_MEMBERS = ['id', 'title', 'summary', 'mixins', 'attributes', 'actions', 'source', 'target'] as const

/**
 * One document, with attributes flat; those that are nested at their dots are read too.
 *
 * @see GFD.226
 */
export function occiJson(mediaType: string): Codec {
  return {
    contentType: mediaType,
    showsEntities: true,
    multiline: true,
    parse: ({ body }) => {
      const root = parseJson(body)
      return root ? parseDocument(root) : [NOTHING]
    },
    render: (answer) => ({ headers: [], body: JSON.stringify(toDocument(answer)) }),
  }
}

function parseDocument(root: JsonNode): readonly Representation[] {
  if (Array.isArray(root.value)) return [{ ...NOTHING, locations: elementsOf(root).map(locationAt) }]
  // What has a kind is an entity, whatever else stands there.
  if (memberOf(root, 'kind')) return [parseEntity(root)]
  const action = memberOf(root, 'action')
  if (action) return [parseInvocation(root, action)]
  const locations = memberOf(root, 'locations')
  if (locations) return [{ ...NOTHING, locations: elementsOf(locations).map(locationAt) }]
  if (memberOf(root, 'resources')) return parseCollection(root)
  if (definesCategories(root)) return [{ ...NOTHING, categories: parseCategories(root) }]
  const isPart = ENTITY_MEMBERS.some((name) => memberOf(root, name))
  return !isPart && memberOf(root, 'links') ? parseCollection(root) : [parseEntity(root)]
}

function toDocument(answer: Answer): object {
  if (answer.shows === 'categories') return renderCategories(answer.categories)
  if (answer.shows === 'collection') return renderCollection(answer.entities ?? [])
  if (answer.shows === 'error') return { message: answer.message }
  if (answer.shows === 'nothing' || !answer.entity) return {}
  return renderEntity(answer.entity)
}

function locationAt(node: JsonNode): string {
  const location = textAt(node, 'a location')
  return location === '' ? refuse(node, 'a location') : location
}

/**
 * Links that stand beside the resources become parts of those of them that they begin at. A link that begins nowhere is a
 * part of the only resource, or of the one that the URL names.
 */
function parseCollection(root: JsonNode): readonly Representation[] {
  const resources = elementsOf(memberOf(root, 'resources')).map(parseEntity)
  const byId = new Map(resources.map((resource) => [resource.attributes.get(ATTRIBUTES.id.name)?.toString(), resource]))
  const parts = new Map<Representation, Link[]>(resources.map((resource) => [resource, []]))
  const own: Representation[] = []
  for (const node of elementsOf(memberOf(root, 'links'))) {
    const link = parseEntity(node)
    const source = sourceOf(link)
    if (source === undefined && resources.length > 1)
      refuse(node, `a link whose source says which of the ${resources.length} resources is meant`)
    const resource =
      source === undefined ? (resources[0] ?? NOTHING) : byId.get(source.slice(source.lastIndexOf('/') + 1))
    if (!resource) {
      own.push(link)
      continue
    }
    const links = parts.get(resource) ?? []
    links.push(withoutSource(toInlineLink(link, node)))
    parts.set(resource, links)
  }
  const all = [
    ...[...parts].map(([resource, links]) => ({ ...resource, links: [...resource.links, ...links] })),
    ...own,
  ]
  return all.length === 0 ? [NOTHING] : all
}

/** It named the resource by the client's id, which is not the one that it will have. */
function withoutSource(link: Link): Link {
  return { ...link, attributes: new Map([...link.attributes].filter(([name]) => name !== ATTRIBUTES.source.name)) }
}

function renderCollection(entities: readonly Representation[]): object {
  const resources = entities.filter((entity) => !isLink(entity))
  const links = entities.filter(isLink)
  return {
    ...(resources.length === 0 && links.length > 0 ? {} : { resources: resources.map(renderEntity) }),
    ...(links.length === 0 ? {} : { links: links.map(renderEntity) }),
  }
}
