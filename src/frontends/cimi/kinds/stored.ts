import { Buffer } from 'node:buffer'
import type { StoredDocument } from '../../../model/document.ts'
import { CloudError, isCloudError } from '../../../model/errors.ts'
import type { DocumentUseCases } from '../../../service/service.ts'
import type { Resource } from '../document.ts'
import type { Exchange } from '../exchange.ts'
import { parseJson, renderJson } from '../json.ts'
import type { Kind } from '../kind.ts'
import { operationsOf, textOf, toResource, toTime, withAttributes } from '../resource.ts'
import type { TypeName } from '../types.ts'

/** What a client may set of any resource. */
const NAMING = ['name', 'description', 'properties'] as const

/** A resource as it is kept: its document, and the user data beside it. */
export interface Kept {
  readonly resource: Resource
  readonly bytes?: Uint8Array
}

/** How one kind of stored resources differs from the others. */
export interface StoredKind extends Pick<Kind, 'path' | 'collection' | 'aliases' | 'link'> {
  readonly type: TypeName
  /** Types that a request for a new one may be of. */
  readonly createTypes: readonly [TypeName, ...TypeName[]]
  /**
   * What of a request is kept. References are kept as the client may write them: their last segment counts.
   *
   * @param earlier what an update changes
   * @throws {CloudError} invalid
   */
  readonly toKept: (wanted: Resource, exchange: Exchange, earlier?: Kept) => Promise<Kept>
  /** What is kept as it is shown, references with whole URLs. */
  readonly show?: (kept: Kept, exchange: Exchange) => Resource
}

/** Resources that the service keeps for their owner, and that nobody else sees. */
export function storedKind(documents: DocumentUseCases, stored: StoredKind): Kind & Pick<Required<Kind>, 'create'> {
  const { path, type, collection, aliases, link, createTypes, toKept, show = ({ resource }) => resource } = stored
  const sort = sortOf(type)

  function toShown(document: StoredDocument, exchange: Exchange): Resource {
    const kept = keptIn(document, type)
    const id = exchange.url(path, document.id)
    return withAttributes(show(kept, exchange), {
      id,
      name: textOf(kept.resource, 'name') ?? document.id,
      description: textOf(kept.resource, 'description') ?? `a ${type} of ${document.subject}`,
      created: toTime(document.createdAt),
      updated: toTime(document.updatedAt),
      operations: operationsOf(['edit', id], ['delete', id]),
    })
  }

  return {
    path,
    type,
    collection,
    ...(aliases && { aliases }),
    ...(link === undefined ? {} : { link }),
    list: async (exchange) => (await documents.list(sort, exchange.caller)).map((each) => toShown(each, exchange)),
    get: async (id, exchange) => toShown(await documents.get(sort, id, exchange.caller), exchange),
    create: async (exchange) => {
      const wanted = exchange.read(...createTypes)
      const { resource, bytes } = await toKept(wanted, exchange)
      const { idempotencyKey } = exchange
      const request = {
        sort,
        body: renderJson(withNaming(resource, wanted)),
        ...(bytes && { bytes }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      }
      return { resource: toShown(await documents.create(request, exchange.caller), exchange) }
    },
    update: async (id, exchange) => {
      const earlier = keptIn(await documents.get(sort, id, exchange.caller), type)
      const sent = exchange.read(type, ...createTypes)
      const { select } = exchange.query
      // What is not selected stays as it was.
      const wanted = select ? overlaid(earlier.resource, sent, select) : sent
      const { resource, bytes } = await toKept(wanted, exchange, earlier)
      const change = { body: renderJson(withNaming(resource, wanted)), bytes: bytes ?? null }
      return toShown(await documents.update(sort, id, change, exchange.caller), exchange)
    },
    delete: (id, { caller }) => documents.delete(sort, id, caller),
  }
}

/**
 * One that a request refers to.
 *
 * @param field what refers to it
 * @throws {CloudError} invalid when there is none of the caller's
 */
export async function findKept(
  documents: DocumentUseCases,
  type: TypeName,
  field: string,
  id: string,
  { caller }: Pick<Exchange, 'caller'>,
): Promise<Kept> {
  try {
    return keptIn(await documents.get(sortOf(type), id, caller), type)
  } catch (error) {
    if (!isCloudError(error, 'not-found')) throw error
    throw new CloudError('invalid', `${field}: there is no ${type} "${id.slice(0, 100)}"`)
  }
}

/** The same, where it has no user data. @throws {CloudError} invalid */
export async function referred(...which: Parameters<typeof findKept>): Promise<Resource> {
  return (await findKept(...which)).resource
}

function sortOf(type: TypeName): string {
  return `CIMI ${type}`
}

function keptIn({ body, bytes }: StoredDocument, type: TypeName): Kept {
  const { resource } = parseJson(Buffer.from(body, 'utf8'), type)
  return { resource, ...(bytes && { bytes }) }
}

function withNaming(resource: Resource, wanted: Resource): Resource {
  return withAttributes(resource, Object.fromEntries(NAMING.map((name) => [name, wanted.attributes.get(name)])))
}

function overlaid(earlier: Resource, sent: Resource, select: ReadonlySet<string>): Resource {
  const kept = [...earlier.attributes].filter(([name]) => !select.has(name))
  const changed = [...sent.attributes].filter(([name]) => select.has(name))
  return toResource(earlier.type, Object.fromEntries([...kept, ...changed]))
}
