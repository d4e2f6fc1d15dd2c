import { Type, type TSchema } from 'typebox'
import type { ErrorCode } from '../../model/errors.ts'
import { STATUS } from '../guard.ts'
import { isObject } from '../json-text.ts'
import type { Answer, Route } from './route.ts'
import { ErrorBody } from './schemas.ts'

/** What any route may be refused with. */
const ALWAYS: readonly ErrorCode[] = ['invalid']

/**
 * The API's own description, made of its table.
 *
 * @param root where the routes lie
 * @see OpenAPI 3.1.1, whose schemas are JSON Schema as it is
 */
export function openApi(routes: readonly Route[], root: string): object {
  const named = new Map<string, unknown>()
  const paths: Record<string, Record<string, unknown>> = {}
  for (const each of routes) (paths[`${root}${each.path}`] ??= {})[each.method.toLowerCase()] = toOperation(each, named)
  return {
    openapi: '3.1.1',
    info: { title: 'Bellhop', version: '1', license: { name: 'Apache 2.0', identifier: 'Apache-2.0' } },
    paths,
    security: [{ bearer: [] }, { token: [] }, { basic: [] }],
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
        basic: { type: 'http', scheme: 'basic', description: 'the token as its password' },
      },
      schemas: Object.fromEntries(named),
    },
  }
}

type Named = Map<string, unknown>

function toOperation({ path, query, body, headers = [], answers, refusals, ...about }: Route, named: Named): object {
  const parameters = [
    ...(path.includes('{id}') ? [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] : []),
    ...Object.entries(query.properties).map(([name, schema]) => ({ name, in: 'query', schema: plain(schema, named) })),
    ...headers.map((header) => ({ ...header, in: 'header', schema: { type: 'string' } })),
  ]
  const refused = [...new Set([...ALWAYS, ...refusals].map((code) => STATUS[code]))].toSorted((a, b) => a - b)
  return {
    operationId: about.operationId,
    summary: about.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined ? {} : { requestBody: toRequestBody(body, named) }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, toResponse(answer, named)])),
      ...Object.fromEntries(refused.map((status) => [status, toResponse(refusal(status), named)])),
      401: toResponse(UNAUTHENTICATED, named),
    },
  }
}

/** By us, or by the cloud that the credential is of. */
const UNAUTHENTICATED: Answer = {
  description: 'the credential is missing, unknown or over',
  content: { 'text/plain': Type.String(), 'application/json': ErrorBody },
}

function refusal(status: number): Answer {
  const codes = Object.entries(STATUS).flatMap(([code, own]) => (own === status ? [code] : []))
  return { description: codes.join(', '), content: { 'application/json': ErrorBody } }
}

function toRequestBody(body: TSchema | 'bytes', named: Named): object {
  return body === 'bytes'
    ? { required: true, content: { 'application/octet-stream': {} } }
    : { required: true, content: { 'application/json': { schema: plain(body, named) } } }
}

function toResponse({ description, content = {}, headers = [] }: Answer, named: Named): object {
  const media = Object.entries(content).map(([type, schema]) => [type, { schema: plain(schema, named) }])
  const shown = headers.map(({ name, description: says }) => [name, { description: says, schema: { type: 'string' } }])
  return {
    description,
    ...(shown.length > 0 ? { headers: Object.fromEntries(shown) } : {}),
    ...(media.length > 0 ? { content: Object.fromEntries(media) } : {}),
  }
}

/** A schema with those in it that have a title put among the named ones. */
function plain(schema: unknown, named: Named): unknown {
  if (Array.isArray(schema)) return schema.map((each) => plain(each, named))
  if (!isObject(schema)) return schema
  const { title } = schema
  // A property may be called so too.
  const isTitled = typeof title === 'string'
  const rest = Object.entries(schema).filter(([key]) => !isTitled || key !== 'title')
  const members = Object.fromEntries(rest.map(([key, value]) => [key, plain(value, named)]))
  if (!isTitled) return members
  named.set(title, members)
  return { $ref: `#/components/schemas/${title}` }
}
