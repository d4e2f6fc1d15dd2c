import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { stringify } from 'yaml'
import type { ServiceType } from './faulty-proxy.ts'
import type { OpenStackPeer } from './peer.ts'
import { logIn, type Credentials, type Rest } from './rest.ts'

// There are none in the oldest microversion, which Nova speaks unasked.
const WITH_TAGS = { 'OpenStack-API-Version': 'compute 2.90' }

const DOMAIN = { name: 'Default', id: 'default' }

/** A project that nobody else uses, so that everything in it can be asserted. */
export interface OwnProject {
  readonly id: string
  readonly credentials: Credentials
  /** Where each service really is: its root, without a version. */
  readonly targets: Readonly<Record<ServiceType, string>>
  /** Asks as the project's member, past Bellhop. */
  readonly ask: Rest['ask']
  /** As the cloud's administrator. */
  readonly admin: Rest['ask']
  /** All that is in it now, as its member sees it. */
  readonly content: () => Promise<Content>
  /** Writes a clouds.yaml with the one cloud `own`. @returns its path */
  readonly cloudsYaml: (
    authUrl: string,
    more?: Readonly<Record<string, unknown>> & { readonly auth?: object },
  ) => Promise<string>
  /** Makes a server past Bellhop, with a tag as Bellhop gives them. */
  readonly makeServer: (tag: string, given: { readonly imageId: string; readonly flavorId: string }) => Promise<void>
  /** Makes an application credential of its user's. */
  readonly applicationCredential: () => Promise<{ readonly id: string; readonly secret: string; readonly url: string }>
}

/** What a project has. */
export interface Content {
  readonly servers: readonly { readonly id: string; readonly status: string; readonly tags: readonly string[] }[]
  readonly ports: readonly { readonly id: string; readonly description: string; readonly device_id: string }[]
  readonly keys: readonly string[]
}

/** Makes a project with a user of its own; both are gone with the test, and all that is in them. */
export async function openOwnProject(
  t: Pick<TestContext, 'after'>,
  { authUrl, admin: administrator }: OpenStackPeer,
): Promise<OwnProject> {
  const { ask: admin } = await logIn(authUrl, administrator)
  const name = `own-${randomUUID().slice(0, 8)}`
  const credentials = { user: name, password: randomUUID(), project: name, domain: DOMAIN.name }
  const { project } = await admin<{ project: { id: string } }>('POST', `${authUrl}/projects`, {
    project: { name, domain_id: DOMAIN.id },
  })
  const { user } = await admin<{ user: { id: string } }>('POST', `${authUrl}/users`, {
    user: { name, domain_id: DOMAIN.id, password: credentials.password },
  })
  const { roles } = await admin<{ roles: { id: string }[] }>('GET', `${authUrl}/roles?name=member`)
  await admin('PUT', `${authUrl}/projects/${project.id}/users/${user.id}/roles/${roles[0]?.id}`)
  const targets = await targetsOf(authUrl, admin)
  const nova = `${targets.compute}/v2.1`
  await admin('PUT', `${nova}/os-quota-sets/${project.id}`, {
    quota_set: { instances: 100, cores: 100, ram: 100_000, key_pairs: 100 },
  })
  // A token lives for an hour, longer than any test.
  const { ask, token } = await logIn(authUrl, credentials)
  const folder = await mkdtemp(join(tmpdir(), 'bellhop-own-project-'))

  const content = async (): Promise<Content> => {
    const reply = await fetch(`${nova}/servers/detail`, { headers: { 'X-Auth-Token': token, ...WITH_TAGS } })
    const { servers } = (await reply.json()) as Pick<Content, 'servers'>
    const { ports } = await ask<Pick<Content, 'ports'>>('GET', `${targets.network}/v2.0/ports?project_id=${project.id}`)
    const { keypairs } = await ask<{ keypairs: { keypair: { name: string } }[] }>('GET', `${nova}/os-keypairs`)
    // One that is deleted is shown for a moment more.
    return {
      servers: servers.filter(({ status }) => status !== 'DELETED'),
      ports,
      keys: keypairs.map(({ keypair }) => keypair.name),
    }
  }

  t.after(async () => {
    const { servers, ports, keys } = await content()
    for (const { id } of servers) await ask('DELETE', `${nova}/servers/${id}`).catch(() => {})
    for (const { id } of ports) await ask('DELETE', `${targets.network}/v2.0/ports/${id}`).catch(() => {})
    for (const key of keys) await ask('DELETE', `${nova}/os-keypairs/${key}`).catch(() => {})
    await admin('DELETE', `${authUrl}/users/${user.id}`)
    await admin('DELETE', `${authUrl}/projects/${project.id}`)
    await rm(folder, { recursive: true, force: true })
  })
  return {
    id: project.id,
    credentials,
    targets,
    ask,
    admin,
    content,
    makeServer: async (tag, { imageId, flavorId }) => {
      const server = { name: tag, tags: [tag], imageRef: imageId, flavorRef: flavorId, networks: 'none' }
      const reply = await fetch(`${nova}/servers`, {
        method: 'POST',
        headers: { 'X-Auth-Token': token, ...WITH_TAGS, 'Content-Type': 'application/json' },
        body: JSON.stringify({ server }),
      })
      if (reply.status !== 202) throw new Error(`no server: ${reply.status} ${await reply.text()}`)
    },
    applicationCredential: async () => {
      const all = `${authUrl}/users/${user.id}/application_credentials`
      const { application_credential: made } = await ask<{ application_credential: { id: string; secret: string } }>(
        'POST',
        all,
        { application_credential: { name: randomUUID() } },
      )
      return { ...made, url: `${all}/${made.id}` }
    },
    cloudsYaml: async (url, more = {}) => {
      const path = join(folder, `clouds-${randomUUID()}.yaml`)
      const { user: username, password, project: project_name, domain } = credentials
      const auth = {
        auth_url: url,
        username,
        password,
        project_name,
        user_domain_name: domain,
        project_domain_name: domain,
      }
      const own = { auth_type: 'password', ...more, auth: more.auth ? { auth_url: url, ...more.auth } : auth }
      await writeFile(path, stringify({ clouds: { own } }))
      return path
    },
  }
}

async function targetsOf(authUrl: string, ask: Rest['ask']): Promise<OwnProject['targets']> {
  const { catalog } = await ask<{
    catalog: { type: string; endpoints: { interface: string; url: string }[] }[]
  }>('GET', `${authUrl}/auth/catalog`)
  const root = (type: ServiceType): string => {
    const found = catalog.find((entry) => entry.type === type)?.endpoints.find((each) => each.interface === 'public')
    if (!found) throw new Error(`the catalogue has no ${type}`)
    return new URL(found.url).origin
  }
  return { identity: new URL(authUrl).origin, compute: root('compute'), network: root('network'), image: root('image') }
}
