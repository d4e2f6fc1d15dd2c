import { Buffer } from 'node:buffer'
import { CloudError, isCloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import type { Service } from '../../service/service.ts'
import type { GuardedHandler, HttpRequest, HttpResponse } from '../http.ts'
import { STATUS } from '../guard.ts'
import { toEvent, toInstance } from './map.ts'

const JSON_HEADERS: HttpResponse['headers'] = [
  ['Content-Type', 'application/json; charset=utf-8'],
  ['Cache-Control', 'no-store'],
]

/** What the REST front end is made of. */
export interface RestOptions {
  readonly service: Service
  /**
   * Where a guest that we did not start finds an instance's NoCloud files, by an unguessable URL; shown to members, for
   * whoever has it has the user data. Absent where no metadata server listens on the network.
   */
  readonly seedUrl?: (instanceId: string) => string
}

/**
 * The JSON view of instances, below `/api/v1`: what people look at while they wait, and what no standard has.
 *
 * | path | answer |
 * |---|---|
 * | `/api/v1/instances` | the project's instances, oldest first |
 * | `/api/v1/instances/{id}` | one, with its plan and delivery state |
 * | `/api/v1/instances/{id}/events` | its timeline |
 * | `/api/v1/instances/{id}/console?from=N` | console text from byte N; `next` is where to go on |
 *
 * PUT of `/api/v1/instances/{id}/user-data` gives an instance that is there the body's bytes as its user data, DELETE
 * leaves it without any; `?rebuild=true` allows that its disk begins anew.
 */
export function restFrontend({ service, seedUrl }: RestOptions): GuardedHandler {
  async function answer(request: HttpRequest, [id, part]: Place, caller: Caller): Promise<unknown> {
    if (id === undefined) return { instances: (await service.list(caller)).map(toInstance) }
    if (part === undefined) {
      const [instance, delivery] = await Promise.all([service.get(id, caller), service.delivery(id, caller)])
      const seed = seedUrl && caller.role === 'member' ? { seedUrl: seedUrl(id) } : {}
      return { ...toInstance(instance), plan: instance.plan, delivery, ...seed }
    }
    if (part === 'events') return { events: (await service.events(id, caller)).map(toEvent) }
    if (part === 'console') return await service.console(id, toOffset(request.query.get('from')), caller)
    throw unknownPath(request.path)
  }

  async function replace({ method, query, body }: HttpRequest, id: string, caller: Caller): Promise<unknown> {
    const userData = method === 'PUT' ? { userData: body } : {}
    const format = query.get('format')
    const userDataFormat = format === null ? {} : { userDataFormat: format }
    const mayRebuild = query.get('rebuild') === 'true'
    return toInstance(await service.replaceUserData(id, { ...userData, ...userDataFormat, mayRebuild }, caller))
  }

  return async (request, caller) => {
    const { method } = request
    try {
      const place = placeOf(request.path)
      const [id, part] = place
      const allowed = part === 'user-data' ? ['PUT', 'DELETE'] : ['GET', 'HEAD']
      if (!allowed.includes(method))
        return json(405, { error: { code: 'unsupported', message: `${method} is not allowed here` } }, [
          ['Allow', allowed.join(', ')],
        ])
      if (part === 'user-data' && id !== undefined) return json(200, await replace(request, id, caller))
      return json(200, await answer(request, place, caller))
    } catch (error) {
      if (!isCloudError(error)) throw error
      return json(STATUS[error.code], { error: { code: error.code, message: error.message } })
    }
  }
}

/** What is asked for: an instance's id, and which part of it. */
type Place = readonly [id: string | undefined, part: string | undefined]

/** @throws {CloudError} not-found */
function placeOf(path: string): Place {
  const [kind, id, part, ...rest] = path
    .split('/')
    .filter((segment) => segment !== '')
    .slice(2)
  if (kind !== 'instances' || rest.length > 0) throw unknownPath(path)
  return [id, part]
}

function toOffset(text: string | null): number {
  const from = Number(text ?? '0')
  if (!Number.isSafeInteger(from) || from < 0)
    throw new CloudError('invalid', `from: "${text}" is not a byte offset; use the "next" of the answer before`)
  return from
}

function unknownPath(path: string): CloudError {
  return new CloudError('not-found', `there is nothing at ${path}; instances are at /api/v1/instances`)
}

function json(status: number, value: unknown, more: HttpResponse['headers'] = []): HttpResponse {
  return { status, headers: [...JSON_HEADERS, ...more], body: Buffer.from(`${JSON.stringify(value)}\n`, 'utf8') }
}
