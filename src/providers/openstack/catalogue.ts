import { CloudError } from '../../model/errors.ts'
import type { CloudSettings, Service } from './clouds-settings.ts'
import type { TokenFacts } from './token-facts.ts'

/** What a service is called in catalogues, best first, and which version of it is asked. */
interface Wanted {
  readonly types: readonly string[]
  readonly version: string
  /** Whether the version is followed by the project's id. */
  readonly hasProject?: true
}

const WANTED: Readonly<Record<Service, Wanted>> = {
  compute: { types: ['compute'], version: 'v2.1' },
  image: { types: ['image'], version: 'v2' },
  network: { types: ['network'], version: 'v2.0' },
  volume: { types: ['block-storage', 'volumev3', 'volume'], version: 'v3', hasProject: true },
}

// The last one: a site may have a version in the path of its own.
const VERSION = /^(.*\/v\d+(?:\.\d+)?)(?:\/|$)/

/** What the choice depends on. */
type Choice = Pick<CloudSettings, 'name' | 'endpoints' | 'region'>

/** Whether a service is there at all, in whatever region. */
export function hasService(service: Service, { catalogue }: TokenFacts, { endpoints }: Choice): boolean {
  return endpoints[service].override !== undefined || catalogue.some(({ type }) => WANTED[service].types.includes(type))
}

/**
 * Where a service is: its versioned endpoint, without a slash at its end.
 *
 * @throws {CloudError} unsupported when the cloud has none; provider-failed naming the regions or interfaces that it has,
 *   when it is not where the settings say
 * @see Keystone, Identity API v3: Service catalog and endpoints
 */
export function endpointOf(service: Service, token: TokenFacts, choice: Choice): string {
  const { override, interface: wanted } = choice.endpoints[service]
  if (override !== undefined)
    return withVersion(override.replaceAll(/[%$]\(project_id\)s/g, token.project.id), service, token)
  const { types } = WANTED[service]
  const entries = types.flatMap((type) => token.catalogue.filter((entry) => entry.type === type))
  if (entries.length === 0)
    throw new CloudError('unsupported', `cloud "${choice.name}" has no ${service} service in its catalogue`)
  const reachable = entries
    .flatMap(({ endpoints }) => endpoints)
    .filter((endpoint) => kindOf(endpoint.interface) === wanted)
  const chosen = reachable.find((endpoint) => choice.region === undefined || regionOf(endpoint) === choice.region)
  if (chosen) return withVersion(checkUrl(chosen.url, service, choice), service, token)
  const fault = (problem: string) =>
    new CloudError('provider-failed', `cloud "${choice.name}" has its ${service} service ${problem}`)
  if (reachable.length > 0)
    throw fault(`not in region "${choice.region}" but in ${listed(reachable.map(regionOf))}; set region_name`)
  const others = entries.flatMap(({ endpoints }) => endpoints.map((endpoint) => kindOf(endpoint.interface)))
  throw fault(`at no ${wanted} endpoint but at ${listed(others)}; set interface`)
}

interface Endpoint {
  readonly region?: string | null
  readonly region_id?: string | null
}

function regionOf({ region_id: id, region }: Endpoint): string {
  return id ?? region ?? ''
}

/** Old catalogues say `publicURL`. */
function kindOf(word: string): string {
  return word.replace(/URL$/, '')
}

function listed(words: readonly string[]): string {
  return [...new Set(words)].sort().join(', ') || 'none'
}

function checkUrl(url: string, service: Service, { name }: Choice): string {
  if (/^https?:\/\/[^\s?#]+$/.test(url) && URL.canParse(url)) return url
  throw new CloudError('provider-failed', `cloud "${name}": the catalogue has no usable address for ${service}`)
}

/** The part of an endpoint up to its version. */
export function versionRoot(endpoint: string): string {
  return VERSION.exec(endpoint)?.[1] ?? endpoint
}

/** Appends only what is missing: sites put services below paths of their own, and some put the project behind. */
function withVersion(url: string, service: Service, { project }: TokenFacts): string {
  const base = url.replace(/\/+$/, '')
  if (VERSION.test(new URL(base).pathname)) return base
  const { version, hasProject } = WANTED[service]
  return hasProject ? `${base}/${version}/${project.id}` : `${base}/${version}`
}
