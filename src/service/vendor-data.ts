import { Buffer } from 'node:buffer'
import { unpack } from '../formats/gzip.ts'
import { detect } from '../formats/index.ts'
import type { Plan } from '../model/plan.ts'

/** Where guests post what they have to say, on the metadata server. */
const REPORT_URL = 'http://169.254.169.254/report'

const BY_CONSOLE = `#cloud-config
reporting:
  bellhop: {type: print}
`

/**
 * What Bellhop tells guests beside the user's bytes, so that a stock cloud-init says how it went: to the metadata server where
 * ours is planned, else on the console. `undefined` where neither could hear it, or nobody wants it.
 *
 * The user's own keys win over it, and `vendor_data: {enabled: false}` switches it off. Where his data may have a `phone_home`, ours
 * has none: cloud-init would fill in what he leaves unsaid of his.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/base_config_reference.html#reporting
 */
export function vendorDataFor({ deliveries, tracking }: Plan, userData?: Uint8Array): Uint8Array | undefined {
  if (tracking === false) return undefined
  if (deliveries.some(({ method, evidence }) => method === 'metadata' && evidence.includes('report')))
    return Buffer.from(tellingTo(REPORT_URL, 2, userData))
  return deliveries.some(({ evidence }) => evidence.includes('console')) ? Buffer.from(BY_CONSOLE) : undefined
}

/** As {@link vendorDataFor}, of a guest that reaches us by a URL of its own. */
export function vendorDataTo(url: string, userData?: Uint8Array): string {
  // cloud-init waits for its phone call without a limit of its own: where nothing answers, each try takes two minutes.
  return tellingTo(url, 1, userData)
}

function tellingTo(url: string, tries: number, userData: Uint8Array | undefined): string {
  return userData && mayPhoneHome(userData) ? reportingTo(url) : `${reportingTo(url)}${phoneHomeTo(url, tries)}`
}

function mayPhoneHome(userData: Uint8Array): boolean {
  const unpacked = unpack(userData)
  return 'bytes' in unpacked && Buffer.from(unpacked.bytes).includes('phone_home') && detect(userData).name !== 'script'
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

/**
 * Lets cloud-init post once, at its end, by which keys its SSH server is known.
 *
 * @see https://cloudinit.readthedocs.io/en/latest/reference/modules.html#phone-home
 */
function phoneHomeTo(url: string, tries: number): string {
  // Newer ones refuse `pub_key_dsa`.
  return `phone_home:
  url: "${url}"
  post: [instance_id, hostname, fqdn, pub_key_rsa, pub_key_ecdsa, pub_key_ed25519]
  tries: ${tries}
`
}
