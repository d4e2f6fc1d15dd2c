import { Buffer } from 'node:buffer'
import { sha256 } from '../../model/digest.ts'
import { headerValues } from '../http.ts'
import { refusal } from './answer.ts'
import type { Resource } from './document.ts'
import type { Exchange, Outcome } from './exchange.ts'
import { renderJson } from './json.ts'
import type { Kind, Made } from './kind.ts'
import { lookThrough, shownBy, type Follow } from './look.ts'
import { operationsOf, textOf, toResource } from './resource.ts'
import type { Located } from './route.ts'
import { itemsOf } from './types.ts'

/** HEAD is GET. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** What can be done at one URL. */
export type Routes = Readonly<Partial<Record<Method, (exchange: Exchange) => Promise<Outcome>>>>

/** What can be done at a place. @param follow finds what references lead to */
export function routesAt(located: Located, follow: Follow): Routes {
  const { kind, id, verb } = located
  const { create, update, delete: remove, act } = kind
  if (id === undefined)
    return {
      GET: async (exchange) => ({ status: 200, resource: await collectionOf(located, exchange, follow) }),
      ...(create && { POST: async (exchange) => await toCreated(await create(exchange), exchange, follow) }),
    }
  const acting = act && {
    POST: async (exchange: Exchange) => ({ status: 202, headers: jobHeaders(await act(id, verb, exchange)) }),
  }
  if (verb !== undefined) return { ...acting }
  return {
    GET: async (exchange) => {
      const resource = await kind.get(id, exchange)
      return { ...shown(resource), resource: await shownBy(exchange.query, resource, follow) }
    },
    ...(update && {
      PUT: async (exchange) => (await mismatch(kind, id, exchange)) ?? shown(await update(id, exchange)),
    }),
    ...(remove && {
      DELETE: async (exchange) => {
        const refused = await mismatch(kind, id, exchange)
        if (refused) return refused
        await remove(id, exchange)
        return { status: 200 }
      },
    }),
    ...acting,
  }
}

/**
 * What the query leaves of a collection. Items stand in it whole: clients of CIMI 1 do not ask for each.
 *
 * @see DSP0263 section 5.5 (collections)
 */
export async function collectionOf(
  { kind, at }: Pick<Located, 'kind' | 'at'>,
  exchange: Exchange,
  follow: Follow,
): Promise<Resource> {
  const { query, url } = exchange
  const { count, items } = lookThrough(await kind.list(exchange), query)
  const whole: Resource[] = []
  for (const item of items) whole.push(await shownBy(query, item, follow))
  const id = url(...at)
  return toResource(kind.collection, {
    id,
    count,
    [itemsOf(kind.collection) ?? 'name']: whole,
    operations: kind.create && !kind.isFixed ? operationsOf(['add', id]) : [],
  })
}

async function toCreated({ resource, job }: Made, exchange: Exchange, follow: Follow): Promise<Outcome> {
  const headers: Outcome['headers'] = [['Location', textOf(resource, 'id') ?? ''], ...jobHeaders(job)]
  const isAsync = headerValues(exchange.request, 'Prefer').some((value) => /(?:^|[,\s])respond-async\b/i.test(value))
  const running = isAsync && job !== undefined ? await follow(job) : undefined
  return running
    ? { status: 202, resource: running, headers: [...headers, ['Preference-Applied', 'respond-async']] }
    : { status: 201, resource, headers }
}

function jobHeaders(job: string | undefined): NonNullable<Outcome['headers']> {
  return job === undefined ? [] : [['CIMI-Job-URI', job]]
}

function shown(resource: Resource): Outcome {
  return { status: 200, resource, headers: [['ETag', etagOf(resource)]] }
}

/** The same for both formats: it is of the resource, not of how it is written. */
function etagOf(resource: Resource): string {
  return `"${sha256(Buffer.from(renderJson(resource), 'utf8')).slice(0, 32)}"`
}

/** The refusal for a client that has seen another state of it than there is now. */
async function mismatch(kind: Kind, id: string, exchange: Exchange): Promise<Outcome | undefined> {
  const tags = headerValues(exchange.request, 'If-Match').flatMap((value) => value.split(','))
  if (tags.length === 0) return undefined
  const current = etagOf(await kind.get(id, exchange))
  if (tags.some((tag) => ['*', current].includes(tag.trim().replace(/^W\//, '')))) return undefined
  return refusal(412, 'conflict', 'If-Match: it has changed since you saw it; GET it again', [['ETag', current]])
}
