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
 * The read-only JSON view of instances, below `/api/v1`: what people look at while they wait.
 *
 * | path | answer |
 * |---|---|
 * | `/api/v1/instances` | the project's instances, oldest first |
 * | `/api/v1/instances/{id}` | one, with its plan and delivery state |
 * | `/api/v1/instances/{id}/events` | its timeline |
 * | `/api/v1/instances/{id}/console?from=N` | console text from byte N; `next` is where to go on |
 */
export function restFrontend({ service, seedUrl }: RestOptions): GuardedHandler {
  async function answer(request: HttpRequest, caller: Caller): Promise<unknown> {
    const [kind, id, part, ...rest] = request.path
      .split('/')
      .filter((segment) => segment !== '')
      .slice(2)
    if (kind !== 'instances' || rest.length > 0) throw unknownPath(request.path)
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

  return async (request, caller) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return json(405, { error: { code: 'unsupported', message: `${request.method} is not allowed here` } }, [
        ['Allow', 'GET, HEAD'],
      ])
    try {
      return json(200, await answer(request, caller))
    } catch (error) {
      if (!isCloudError(error)) throw error
      return json(STATUS[error.code], { error: { code: error.code, message: error.message } })
    }
  }
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
