import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, type ErrorCode } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'
import { bodyText } from '../body.ts'
import { headerValues, type HttpRequest, type HttpResponse } from '../http.ts'
import { parseJsonText } from '../json-text.ts'

/** What a request asks of a route, checked. */
interface Asked<Query, Body> {
  readonly caller: Caller
  /** The `{id}` of the path; empty where it has none. */
  readonly id: string
  readonly query: Query
  readonly body: Body
  readonly request: HttpRequest
}

/** What a route answers where all is well. */
export interface Answer {
  readonly description: string
  /** By media type; absent: it has no body. */
  readonly content?: Readonly<Record<string, TSchema>>
  readonly headers?: readonly { readonly name: string; readonly description: string }[]
}

/** What a request's body may be: JSON of a schema, or any bytes. */
type BodySchema = TSchema | 'bytes'

type BodyOf<B extends BodySchema> = B extends 'bytes' ? Uint8Array : B extends TSchema ? Static<B> : never

interface Definition<Q extends TProperties, B extends BodySchema> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/api/v1`; at most one segment is `{id}`. */
  readonly path: string
  /** How generated clients call it. */
  readonly operationId: string
  readonly summary: string
  readonly query?: Q
  readonly body?: B
  /** Request headers that mean something here. */
  readonly headers?: readonly { readonly name: string; readonly description: string }[]
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** What it may be refused with, beside what all routes are. */
  readonly refusals: readonly ErrorCode[]
  readonly handle: (asked: Asked<Static<TObject<Q>>, BodyOf<B>>) => Promise<HttpResponse>
}

/** One line of the table: what is documented, and what does it. */
export interface Route extends Omit<Definition<TProperties, BodySchema>, 'handle' | 'query'> {
  readonly query: TObject
  readonly handle: (request: HttpRequest, id: string, caller: Caller) => Promise<HttpResponse>
}

/** Joins a route's documentation and its handler: what the handler sees is what the documentation says. */
export function route<Q extends TProperties = Record<never, never>, B extends BodySchema = 'bytes'>(
  definition: Definition<Q, B>,
): Route {
  const query: TObject = Type.Object(definition.query ?? {}, strict)
  const readQuery = reader(query, 'query')
  const { body: schema } = definition
  const readBody = schema === undefined || schema === 'bytes' ? undefined : reader(schema, 'body')
  return {
    ...definition,
    query,
    handle: async (request, id, caller) => {
      const asked = {
        caller,
        id,
        query: readQuery(queryValues(request.query, query.properties)),
        body: readBody ? readBody(jsonOf(request)) : request.body,
        request,
      }
      // The readers checked against the same schemas that the types are made of.
      return await definition.handle(asked as Asked<Static<TObject<Q>>, BodyOf<B>>)
    },
  }
}

/** Of objects that take nothing but what they name. */
export const strict = { additionalProperties: false } as const

/** @returns what gives a value back that is as the schema says @throws {CloudError} invalid naming each place that is not */
function reader(schema: TSchema, what: string): (value: unknown) => unknown {
  const validator = Compile(schema)
  return (value) => {
    if (validator.Check(value)) return value
    const complaints = validator.Errors(value).flatMap(({ keyword, instancePath, params, message }) => {
      const at = instancePath.slice(1).replaceAll('/', '.')
      if (keyword === 'additionalProperties')
        return params.additionalProperties.map((key) => `${at === '' ? key : `${at}.${key}`}: is not known here`)
      if (keyword === 'enum') return [`${at}: must be one of ${params.allowedValues.join(', ')}`]
      // What is not known is complained of twice.
      if (keyword === 'boolean') return []
      return [`${at === '' ? what : at}: ${message}`]
    })
    throw new CloudError('invalid', [...new Set(complaints)].slice(0, COMPLAINTS_MAX).join('; ').slice(0, 1000))
  }
}

const COMPLAINTS_MAX = 8

/** A query's texts as the values that its schema has. @throws {CloudError} invalid when one is given twice */
function queryValues(query: URLSearchParams, properties: TProperties): object {
  const values = new Map<string, unknown>()
  for (const [name, text] of query) {
    if (values.has(name)) throw new CloudError('invalid', `${name.slice(0, 100)}: is given twice`)
    values.set(name, toValue(text, Object.hasOwn(properties, name) ? properties[name] : undefined))
  }
  return Object.fromEntries(values)
}

function toValue(text: string, schema: TSchema | undefined): unknown {
  const type = schema && 'type' in schema ? schema.type : undefined
  if (type === 'integer' && /^\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}

/** @throws {CloudError} invalid when the body is said to be something else, or is not JSON */
function jsonOf(request: HttpRequest): unknown {
  const [type] = headerValues(request, 'Content-Type')
  if (type !== undefined && !/^\s*application\/json\s*(?:;|$)/i.test(type))
    throw new CloudError('invalid', `Content-Type: "${type.slice(0, 100)}" is not read here; send application/json`)
  if (request.body.byteLength === 0) throw new CloudError('invalid', 'body: is missing; send a JSON object')
  return parseJsonText(bodyText(request.body))
}
