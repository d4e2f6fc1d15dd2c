import type { Plan } from '../model/plan.ts'

/** Where guests post what they have to say, on the metadata server. */
const REPORT_URL = 'http://169.254.169.254/report'

const BY_SERVER = reportingTo(REPORT_URL)
const BY_CONSOLE = `#cloud-config
reporting:
  bellhop: {type: print}
`

/**
 * What Bellhop tells guests beside the user's bytes, so that a stock cloud-init says how it went: to the metadata server where
 * ours is planned, else on the console. `undefined` where neither could hear it.
 *
 * The user's own `reporting` wins over it, and `vendor_data: {enabled: false}` switches it off.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/base_config_reference.html#reporting
 */
export function vendorDataFor({ deliveries }: Plan): Uint8Array | undefined {
  if (deliveries.some(({ method, evidence }) => method === 'metadata' && evidence.includes('report')))
    return Buffer.from(BY_SERVER)
  return deliveries.some(({ evidence }) => evidence.includes('console')) ? Buffer.from(BY_CONSOLE) : undefined
}

/**
 * A cloud-config that lets cloud-init post how it went.
 *
 * @param url without anything that YAML or a shell would have to escape
 */
export function reportingTo(url: string): string {
  // cloud-init ends every stage with an error on a key of `reporting` that it does not know: these are all it has.
  return `#cloud-config
reporting:
  bellhop: {type: webhook, endpoint: "${url}", timeout: 2, retries: 1}
`
}
