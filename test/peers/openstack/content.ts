import { stringify } from 'yaml'
import { IDENTITY_PROVIDER } from './configuration.ts'
import { logIn, untilHolds, type Credentials, type Rest } from './rest.ts'
import { REGION, urlOf, type Site } from './site.ts'

const DOMAIN = 'Default'
const IMAGE_BYTES = 65_536
const COMPUTE_LIMIT_MS = 240_000

/** What tests are told of the peer. */
export interface OpenStack {
  /** Keystone's, with the version. */
  readonly authUrl: string
  readonly region: string
  /** May do in their own project what members may. */
  readonly demo: Credentials
  readonly admin: Credentials
  /** Of the demo user, for the demo project. */
  readonly applicationCredential: { readonly id: string; readonly secret: string }
  /** A login at an identity provider, as which the token's user is a member of the demo project. */
  readonly oidc: { readonly identityProvider: string; readonly protocol: string; readonly accessToken: string }
  /** 64 KiB of zeros, for everybody. */
  readonly imageId: string
  /** 1 CPU, 128 MiB. */
  readonly flavorId: string
  /** 2 CPUs, 2048 MiB. */
  readonly largeFlavorId: string
  /** 10.77.0.0/16, for everybody; without DHCP. */
  readonly networkId: string
  /** Nova's metadata service, behind the headers that Neutron's proxy signs. */
  readonly metadataUrl: string
  readonly metadataSharedSecret: string
  /** All that it listens at, on 127.0.0.1. */
  readonly ports: readonly number[]
  /** The path of a clouds.yaml with clouds `peer`, `peer-admin`, `peer-application-credential` and `peer-oidc`. */
  readonly cloudsYaml: string
}

/** The administrator whom `keystone-manage bootstrap` makes. */
export function adminOf(site: Site): Credentials {
  return { user: 'admin', password: site.password, project: 'admin', domain: DOMAIN }
}

function demoOf(site: Site): Credentials {
  return { user: 'demo', password: site.password, project: 'demo', domain: DOMAIN }
}

/** The catalogue, and who may log in. @returns the demo user's application credential */
export async function fillKeystone(site: Site): Promise<OpenStack['applicationCredential']> {
  const url = authUrl(site)
  const { ask } = await logIn(url, adminOf(site))
  const make = async (kind: string, fields: object): Promise<string> =>
    (await ask<Record<string, { id: string }>>('POST', `${url}/${kind}s`, { [kind]: fields }))[kind]?.id ?? ''
  for (const [type, name, endpoint] of [
    ['image', 'glance', urlOf(site, 'glance')],
    ['placement', 'placement', urlOf(site, 'placement')],
    ['network', 'neutron', urlOf(site, 'neutron')],
    ['compute', 'nova', `${urlOf(site, 'nova')}/v2.1`],
  ] as const) {
    const service = await make('service', { type, name })
    for (const face of ['public', 'internal', 'admin'])
      await make('endpoint', { service_id: service, interface: face, region_id: REGION, url: endpoint })
  }
  const project = await make('project', { name: 'demo', domain_id: 'default' })
  const user = await make('user', { name: 'demo', domain_id: 'default', password: site.password })
  const group = await make('group', { name: 'federated', domain_id: 'default' })
  const { roles } = await ask<{ roles: { id: string }[] }>('GET', `${url}/roles?name=member`)
  for (const member of [`users/${user}`, `groups/${group}`])
    await ask('PUT', `${url}/projects/${project}/${member}/roles/${roles[0]?.id}`)
  await federate(url, ask)
  const demo = await logIn(url, demoOf(site))
  const { application_credential: credential } = await demo.ask<{
    application_credential: { id: string; secret: string }
  }>('POST', `${url}/users/${user}/application_credentials`, { application_credential: { name: 'peer' } })
  return { id: credential.id, secret: credential.secret }
}

// Who comes from the identity provider belongs to a group, and through it to the demo project.
async function federate(url: string, ask: Rest['ask']): Promise<void> {
  const provider = `${url}/OS-FEDERATION/identity_providers/${IDENTITY_PROVIDER.name}`
  await ask('PUT', provider, { identity_provider: { enabled: true, remote_ids: [IDENTITY_PROVIDER.issuer] } })
  const local = [{ user: { name: '{0}' }, group: { name: 'federated', domain: { id: 'default' } } }]
  await ask('PUT', `${url}/OS-FEDERATION/mappings/peer`, {
    mapping: { rules: [{ local, remote: [{ type: 'HTTP_OIDC_SUB' }] }] },
  })
  await ask('PUT', `${provider}/protocols/openid`, { protocol: { mapping_id: 'peer' } })
}

/** An image, flavors and a network; then waits until servers can be made of them. */
export async function fillCloud(
  site: Site,
): Promise<Pick<OpenStack, 'imageId' | 'flavorId' | 'largeFlavorId' | 'networkId'>> {
  const [glance, nova, neutron] = [urlOf(site, 'glance'), `${urlOf(site, 'nova')}/v2.1`, urlOf(site, 'neutron')]
  const { ask } = await logIn(authUrl(site), adminOf(site))
  const image = await ask<{ id: string }>('POST', `${glance}/v2/images`, {
    name: 'tiny',
    disk_format: 'raw',
    container_format: 'bare',
    visibility: 'public',
  })
  await ask('PUT', `${glance}/v2/images/${image.id}/file`, new Uint8Array(IMAGE_BYTES))
  const [tiny, large] = [
    { id: '1', name: 'tiny', vcpus: 1, ram: 128, disk: 1 },
    { id: '2', name: 'large', vcpus: 2, ram: 2048, disk: 10 },
  ] as const
  for (const flavor of [tiny, large]) await ask('POST', `${nova}/flavors`, { flavor })
  // Neutron 21 answers 500 to a list of ports until it has listed something else.
  await ask('GET', `${neutron}/v2.0/networks`)
  const { network } = await ask<{ network: { id: string } }>('POST', `${neutron}/v2.0/networks`, {
    network: { name: 'shared', shared: true },
  })
  await ask('POST', `${neutron}/v2.0/subnets`, {
    subnet: {
      network_id: network.id,
      ip_version: 4,
      cidr: '10.77.0.0/16',
      enable_dhcp: false,
      dns_nameservers: ['10.77.0.2'],
    },
  })
  // Nova shows a hypervisor once its host is up and belongs to a cell; servers also need it in Placement.
  await untilHolds('there is a compute host', COMPUTE_LIMIT_MS, async () => {
    const [{ hypervisors }, { resource_providers: providers }] = await Promise.all([
      ask<{ hypervisors: { state: string }[] }>('GET', `${nova}/os-hypervisors`),
      ask<{ resource_providers: unknown[] }>('GET', `${urlOf(site, 'placement')}/resource_providers`),
    ])
    return hypervisors.some(({ state }) => state === 'up') && providers.length > 0
  })
  return { imageId: image.id, flavorId: tiny.id, largeFlavorId: large.id, networkId: network.id }
}

/** All that tests are told, of what the fillers made. */
export function describeCloud(
  site: Site,
  made: Pick<OpenStack, 'applicationCredential' | 'imageId' | 'flavorId' | 'largeFlavorId' | 'networkId'>,
): OpenStack {
  return {
    authUrl: authUrl(site),
    region: REGION,
    demo: demoOf(site),
    admin: adminOf(site),
    oidc: { identityProvider: IDENTITY_PROVIDER.name, protocol: 'openid', accessToken: site.bearer },
    metadataUrl: urlOf(site, 'metadata'),
    metadataSharedSecret: site.metadataSecret,
    ports: Object.values(site.ports),
    cloudsYaml: `${site.folder}/clouds.yaml`,
    ...made,
  }
}

/** The text of a clouds.yaml: one cloud for each way to log in. */
export function cloudsYaml({ authUrl, region, demo, admin, applicationCredential, oidc }: OpenStack): string {
  const cloud = (type: string, auth: object) => ({
    region_name: region,
    auth_type: type,
    auth: { auth_url: authUrl, ...auth },
  })
  const scope = { project_name: demo.project, project_domain_name: demo.domain }
  const password = ({ user, password, project, domain }: Credentials) =>
    cloud('password', {
      username: user,
      password,
      user_domain_name: domain,
      project_name: project,
      project_domain_name: domain,
    })
  return stringify({
    clouds: {
      peer: password(demo),
      'peer-admin': password(admin),
      'peer-application-credential': cloud('v3applicationcredential', {
        application_credential_id: applicationCredential.id,
        application_credential_secret: applicationCredential.secret,
      }),
      'peer-oidc': cloud('v3oidcaccesstoken', {
        identity_provider: oidc.identityProvider,
        protocol: oidc.protocol,
        access_token: oidc.accessToken,
        ...scope,
      }),
    },
  })
}

function authUrl(site: Site): string {
  return `${urlOf(site, 'keystone')}/v3`
}
