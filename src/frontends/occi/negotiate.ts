import { headerValues, type HttpRequest } from '../http.ts'
import { mediaTypes, wantedTypes } from '../media-types.ts'
import { occiJson } from './json.ts'
import type { Codec } from './representation.ts'
import { carriesOcci, textOcci, textPlain } from './text.ts'
import { uriList } from './uri-list.ts'

const PLAIN = textPlain('text/plain')
const OCCI_JSON = occiJson('application/occi+json')

/** Every rendering we read and write. To add one: a codec, and its line here. */
const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['text/plain', PLAIN],
  ['text/occi', textOcci],
  ['text/occi+plain', textPlain('text/occi+plain')],
  ['text/uri-list', uriList],
  ['application/occi+json', OCCI_JSON],
  ['application/json', occiJson('application/json')],
])

/** What we write when a client names no more than half of a type. */
const RANGES: ReadonlyMap<string, Codec> = new Map([
  ['text/*', PLAIN],
  ['application/*', OCCI_JSON],
])

/** The value of our `Accept` header. */
export const ACCEPTED = [...CODECS.keys()].join(', ')

/** What errors are written in before it is known what the client reads. */
export const FALLBACK: Codec = PLAIN

const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT'])

/**
 * How the request is written; of a list (rOCCI sends `text/plain,text/occi`) the first type that we know.
 *
 * @returns `undefined` when it is written in nothing we know
 * @see GFD.223 section 7
 */
export function requestCodec(request: HttpRequest): Codec | undefined {
  const types = mediaTypes(headerValues(request, 'Content-Type'))
  if (types.length > 0) return first(types.map(({ type }) => CODECS.get(type)))
  return carriesOcci(request) ? textOcci : PLAIN
}

/**
 * How to answer: the first of the client's best types; without preference as the request itself was written.
 *
 * @returns `undefined` when the client reads nothing that we write
 */
export function responseCodec(request: HttpRequest): Codec | undefined {
  const accepted = headerValues(request, 'Accept')
  if (mediaTypes(accepted).length === 0) return ownCodec(request)
  return first(
    wantedTypes(accepted).map((type) => {
      if (type === '*/*') return ownCodec(request)
      return RANGES.get(type) ?? CODECS.get(type)
    }),
  )
}

function ownCodec(request: HttpRequest): Codec {
  const own = WITH_BODY.has(request.method) ? requestCodec(request) : undefined
  return own === undefined || own.listsOnly ? PLAIN : own
}

function first<T>(found: readonly (T | undefined)[]): T | undefined {
  return found.find((one) => one !== undefined)
}
