import { isCloudError, type ErrorCode } from '../../model/errors.ts'
import { retryHeaders, STATUS } from '../guard.ts'
import { allowedMethods, type GuardedHandler, type HttpResponse } from '../http.ts'
import { openApi } from './openapi.ts'
import type { Route } from './route.ts'
import { json, ROOT, routesOf, type RestOptions } from './routes.ts'
import { webhookRoutes } from './webhooks.ts'

/**
 * The JSON view of all that Bellhop does with instances, below `/api/v1`: what people and the command line look at while they
 * wait, and what no standard has. `routes.ts` and `webhooks.ts` are the whole of it; `/api/v1/openapi.json` tells the same to programs.
 */
export function restFrontend(options: RestOptions): GuardedHandler {
  const routes = [...routesOf(options), ...(options.webhooks ? webhookRoutes(options.webhooks) : [])]
  const description = openApi(routes, ROOT)
  const places = Map.groupBy(routes, ({ path }) => path)

  return async (request, caller) => {
    try {
      if (request.path === `${ROOT}/openapi.json`)
        return isRead(request.method) ? json(200, description) : notAllowed(request.method, 'GET, HEAD')
      const found = placeOf(request.path, places)
      if (!found)
        return refusal(
          'not-found',
          `there is nothing at ${request.path.slice(0, 200)}; ${ROOT}/openapi.json tells what there is`,
        )
      const method = request.method === 'HEAD' ? 'GET' : request.method
      const route = found.routes.find((each) => each.method === method)
      if (!route)
        return notAllowed(method, allowedMethods(Object.fromEntries(found.routes.map((each) => [each.method, 0]))))
      return await route.handle(request, found.id, caller)
    } catch (error) {
      if (!isCloudError(error)) throw error
      return refusal(error.code, error.message)
    }
  }
}

/** The routes of a path, and the `{id}` in it. */
function placeOf(
  path: string,
  places: ReadonlyMap<string, readonly Route[]>,
): { readonly routes: readonly Route[]; readonly id: string } | undefined {
  if (!path.startsWith(`${ROOT}/`)) return undefined
  const [kind, id, ...rest] = path
    .slice(ROOT.length)
    .split('/')
    .filter((segment) => segment !== '')
  const template = [kind, ...(id === undefined ? [] : ['{id}']), ...rest].join('/')
  const routes = places.get(`/${template}`)
  return routes && { routes, id: id ?? '' }
}

function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

function notAllowed(method: string, allowed: string): HttpResponse {
  const message = `${method.slice(0, 20)} is not allowed here; ${allowed} are`
  return json(405, { error: { code: 'unsupported', message } }, [['Allow', allowed]])
}

function refusal(code: ErrorCode, message: string): HttpResponse {
  return json(STATUS[code], { error: { code, message } }, retryHeaders(code))
}
