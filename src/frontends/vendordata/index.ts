import { Buffer } from 'node:buffer'
import type { Logger } from 'pino'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError, isCloudError, reasonOf } from '../../model/errors.ts'
import type { Service } from '../../service/service.ts'
import { bodyText } from '../body.ts'
import type { GuardedService } from '../fastify.ts'
import { createGuard, STATUS, type Guard, type GuardOptions } from '../guard.ts'
import { textResponse, type HttpRequest, type HttpResponse } from '../http.ts'

/** What the target of Nova's dynamic vendor data is made of. */
export interface VendordataOptions {
  readonly service: Pick<Service, 'cloudVendorData'>
  /** By provider: who may ask as its cloud. They need not be users of the API, and those need not be among them. */
  readonly clouds: ReadonlyMap<string, GuardOptions['authenticate']>
  readonly log: Pick<Logger, 'warn' | 'error'>
}

/** 64 KiB of user data, and 128 items of metadata with every character escaped, are some 500 KiB. */
const BODY_MAX_BYTES = 1024 * 1024

/**
 * Nova sends the user data and metadata of the instance too. They are other people's: nothing is asked of them here, and
 * nothing of them is kept or logged.
 */
const Request = Compile(Type.Object({ 'instance-id': Type.String({ pattern: '^[0-9a-fA-F-]{36}$' }) }))

/**
 * What Nova's DynamicJSON provider asks for each guest, `POST /vendordata/<provider>`, by path: a JSON string, which
 * cloud-init takes as vendor data where the target is called `cloud-init`.
 *
 * Where there is nothing to add the string is empty. cloud-init passes over it in silence, as it does over an empty object,
 * which is what Nova makes of an empty body and of every error: so the two can be told apart.
 *
 * @see https://docs.openstack.org/nova/latest/admin/vendordata.html
 */
export function vendordataFrontend({
  service,
  clouds,
  log,
}: VendordataOptions): Readonly<Record<string, GuardedService>> {
  async function answer(provider: string, request: HttpRequest): Promise<HttpResponse> {
    if (request.method !== 'POST') return textResponse(405, 'POST is expected', [['Allow', 'POST'], TEXT])
    const vendorData = await service.cloudVendorData(provider, instanceIn(request.body))
    return json(vendorData ?? '')
  }

  function failed(provider: string, error: unknown): HttpResponse {
    const isNovas = isCloudError(error, 'invalid') || isCloudError(error, 'too-large')
    if (isNovas) log.warn({ provider, reason: error.message }, 'vendordata: not understood')
    else log.error({ provider, ...toLog(error) }, 'vendordata: not answered')
    // The guest boots without: whatever it is, its cloud need not wait for it.
    return isNovas ? textResponse(STATUS[error.code], error.message) : textResponse(503, 'not now')
  }

  /** Says that somebody was refused, and nothing of what he sent. */
  function guardOf(provider: string, authenticate: GuardOptions['authenticate']): Guard {
    const guard = createGuard({ authenticate })
    return async (request) => {
      const admission = await guard(request)
      if ('refusal' in admission) log.warn({ provider, status: admission.refusal.status }, 'vendordata: refused')
      return admission
    }
  }

  return Object.fromEntries(
    [...clouds].map(([provider, authenticate]) => [
      `/vendordata/${provider}`,
      {
        guard: guardOf(provider, authenticate),
        handler: async (request) => {
          try {
            return await answer(provider, request)
          } catch (error) {
            return failed(provider, error)
          }
        },
      } satisfies GuardedService,
    ]),
  )
}

/** Why, and where where it is a fault of ours. */
function toLog(error: unknown): object {
  return isCloudError(error) || !(error instanceof Error) ? { reason: reasonOf(error) } : { stack: error.stack }
}

const TEXT = ['Content-Type', 'text/plain; charset=utf-8'] as const

/** @throws {CloudError} too-large, invalid: never with anything of the body */
function instanceIn(body: Uint8Array): string {
  if (body.byteLength > BODY_MAX_BYTES)
    throw new CloudError('too-large', `the body is ${body.byteLength} bytes; ${BODY_MAX_BYTES} are taken`)
  const value = parse(bodyText(body))
  if (!Request.Check(value)) throw new CloudError('invalid', 'instance-id: a UUID is expected')
  return value['instance-id'].toLowerCase()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The engine's own message repeats the text around the fault.
    throw new CloudError('invalid', 'the body is not JSON')
  }
}

function json(value: string): HttpResponse {
  return {
    status: 200,
    // Nova's HTTP library guesses where it is not told.
    headers: [
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Cache-Control', 'no-store'],
    ],
    body: Buffer.from(JSON.stringify(value), 'utf8'),
  }
}
