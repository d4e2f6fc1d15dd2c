import { CloudError } from '../../model/errors.ts'
import { headerValues, type HttpRequest } from '../http.ts'
import { mediaTypes, wantedTypes } from '../media-types.ts'
import type { Document, Resource } from './document.ts'
import { parseJson, renderJson } from './json.ts'
import type { Query } from './query.ts'
import type { TypeName } from './types.ts'
import { parseXml, renderXml } from './xml.ts'

/** A way to write documents. */
export interface Codec {
  readonly name: 'json' | 'xml'
  readonly parse: (body: Uint8Array, ...expected: readonly [TypeName, ...TypeName[]]) => Document
  readonly render: (resource: Resource) => string
}

const JSON_CODEC: Codec = { name: 'json', parse: parseJson, render: renderJson }
const XML_CODEC: Codec = { name: 'xml', parse: parseXml, render: renderXml }

/** By media type. A range is written as its first type here. */
const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['application/json', JSON_CODEC],
  ['application/xml', XML_CODEC],
  ['text/xml', XML_CODEC],
])

/** What is read and written here, for people. */
export const MEDIA_TYPES = [...CODECS.keys()].join(', ')

/** A way to write, and the type that the client called it by. */
export interface Chosen {
  readonly codec: Codec
  readonly contentType: string
}

/** What is written where nobody chooses. */
export const DEFAULT: Chosen = { codec: JSON_CODEC, contentType: 'application/json' }

const XML: Chosen = { codec: XML_CODEC, contentType: 'application/xml' }

/** How the request is written; `undefined` when it is in nothing that we read. */
export function requestCodec(request: HttpRequest): Codec | undefined {
  const [first] = mediaTypes(headerValues(request, 'Content-Type'))
  return first === undefined ? JSON_CODEC : CODECS.get(first.type)
}

/**
 * How to answer. Clients compare the type of the answer with the one they asked for, so it is called as they call it.
 *
 * @returns `undefined` when the client reads nothing that we write
 * @see DSP0263 section 4.1.6.5 ($format)
 */
export function responseCodec(request: HttpRequest, format: Query['format']): Chosen | undefined {
  if (format) return format === 'json' ? DEFAULT : XML
  const accepted = headerValues(request, 'Accept')
  if (mediaTypes(accepted).length === 0) return DEFAULT
  for (const wanted of wantedTypes(accepted)) {
    if (wanted === '*/*') return DEFAULT
    const type = wanted.endsWith('/*') ? TYPES.find((each) => each.startsWith(wanted.slice(0, -1))) : wanted
    const codec = type === undefined ? undefined : CODECS.get(type)
    if (codec && type !== undefined) return { codec, contentType: type }
  }
  return undefined
}

const TYPES = [...CODECS.keys()]

/** The value of `CIMI-Specification-Version` in our answers. */
export const VERSION = '1.1.0'

/**
 * Refuses a client that speaks no version of ours.
 *
 * @throws {CloudError} invalid
 */
export function requireVersion(request: HttpRequest): void {
  const named = headerValues(request, 'CIMI-Specification-Version')
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => /^\d+\.\d+(?:\.\d+)?$/.test(value))
  if (named.length === 0 || named.some((version) => /^1\.[01](?:\.|$)/.test(version))) return
  throw new CloudError(
    'invalid',
    `CIMI-Specification-Version: ${named.join(', ').slice(0, 100)} is not spoken here; 1.0 and 1.1 are`,
  )
}
