import { Buffer } from 'node:buffer'
import type { CloudError, ErrorCode } from '../../model/errors.ts'
import { retryHeaders, STATUS } from '../guard.ts'
import type { HttpRequest, HttpResponse } from '../http.ts'
import { warningHeaders } from '../warnings.ts'
import type { Outcome } from './exchange.ts'
import { VERSION, type Chosen, type Codec } from './negotiate.ts'
import { escapeXml, escapeXmlAttribute } from './xml-text.ts'

/** On every answer. */
const FIXED: HttpResponse['headers'] = [
  ['CIMI-Specification-Version', VERSION],
  ['Vary', 'Accept'],
  ['Cache-Control', 'no-store'],
]

/** An outcome as an answer. One without a body has no type: some clients take any typed 202 for a job. */
export function toResponse(
  { status, resource, refusal: refused, headers = [] }: Outcome,
  { codec, contentType }: Chosen,
  { path }: Pick<HttpRequest, 'path'>,
  warnings: readonly string[] = [],
): HttpResponse {
  const body = refused ? WRITE_REFUSAL[codec.name](status, refused, path) : resource && codec.render(resource)
  const type: HttpResponse['headers'] = body === undefined ? [] : [['Content-Type', contentType]]
  return {
    status,
    headers: [...type, ...FIXED, ...headers, ...warningHeaders(warnings)],
    body: Buffer.from(body ?? '', 'utf8'),
  }
}

/** An error in HTTP's terms. */
export function fromError({ code, message }: CloudError): Outcome {
  return refusal(STATUS[code], code, message, retryHeaders(code))
}

/** A refusal that only HTTP has (405, 406, 412, 415), or with a status of its own. */
export function refusal(
  status: number,
  word: ErrorCode,
  message: string,
  headers: NonNullable<Outcome['headers']> = [],
): Outcome {
  return { status, refusal: { word, message }, headers }
}

/** CIMI 1 has no resource for refusals: they have the members that clients of its time knew. */
const WRITE_REFUSAL: Readonly<
  Record<Codec['name'], (status: number, refused: NonNullable<Outcome['refusal']>, path: string) => string>
> = {
  json: (status, { word, message }) => JSON.stringify({ code: status, message, error: word }),
  xml: (status, { message }, path) =>
    `<error status="${status}" url="${escapeXmlAttribute(path.slice(0, 200))}">` +
    `<code>${status}</code><message>${escapeXml(message)}</message></error>`,
}
