import { wrapUserData } from '../formats/wrapped.ts'
import { sha256 } from '../model/digest.ts'
import { CloudError, isCloudError } from '../model/errors.ts'
import type { Instance, InstanceSpec } from '../model/instance.ts'
import type { Capabilities } from '../providers/provider.ts'
import { vendorDataTo } from './vendor-data.ts'

/** Where the guest of an instance may report; absent: where no guest of a cloud can reach us. */
type ReportUrl = ((instanceId: string) => string) | undefined

/** Stands for an id where there is none yet: as long as any. */
const SOME_ID = '00000000-0000-4000-8000-000000000000'

/**
 * What the cloud is given in the place of the user's data, where he wishes that they be wrapped and nothing of ours could stand
 * beside them.
 *
 * @param deliveries those of its provider, with what is seen of them here
 * @param instanceId absent in a plan that is of no instance yet
 * @returns `undefined` where they stay as they are
 * @throws {CloudError} invalid, unsupported saying why they cannot be wrapped
 */
export function wrappedData(
  { wrap, userData, tracking }: InstanceSpec,
  deliveries: Capabilities['deliveries'],
  reportUrl: ReportUrl,
  instanceId = SOME_ID,
): Uint8Array | undefined {
  if (wrap !== true) return undefined
  if (tracking === false) throw new CloudError('invalid', 'wrap: tracking is off, which it is for; ask for one of them')
  if (!userData) throw new CloudError('invalid', 'wrap: there is no userData to wrap')
  if (deliveries.some(({ by, evidence }) => by !== 'provider' || evidence.includes('report'))) return undefined
  return wrapped(userData, urlOf(reportUrl, instanceId))
}

/**
 * What the provider is asked for: as the user asked, with his data wrapped where the plan says so, in the message that it shows.
 *
 * @throws {CloudError} unsupported where it is not configured any more, or otherwise than when it was planned
 */
export function carriedSpec({ id, spec, plan }: Instance, reportUrl: ReportUrl): InstanceSpec {
  if (!plan.wrapped || !spec.userData) return spec
  const userData = wrapped(spec.userData, urlOf(reportUrl, id))
  if (plan.wrapped.sha256 === sha256(userData)) return { ...spec, userData }
  throw new CloudError(
    'unsupported',
    'wrap: report.url is another than when this was planned, and so is the message: start another instance',
  )
}

/** An error of a provider's, which knows the message alone: where that is too large, with the size of the user's data. */
export function sayingBothSizes(error: unknown, { plan: { wrapped, userData } }: Pick<Instance, 'plan'>): unknown {
  if (!wrapped || !userData || !isCloudError(error, 'too-large')) return error
  const message = `${error.message}; that is wrapped: alone they are ${userData.sizeBytes} bytes`
  return new CloudError(error.code, message, { cause: error })
}

function wrapped(userData: Uint8Array, url: string): Uint8Array {
  return wrapUserData(userData, vendorDataTo(url, userData))
}

function urlOf(reportUrl: ReportUrl, instanceId: string): string {
  if (reportUrl) return reportUrl(instanceId)
  throw new CloudError(
    'unsupported',
    'wrap: guests of this cloud have nowhere to report: set report.url, or do not wrap',
  )
}
