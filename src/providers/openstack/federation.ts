import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { CloudError } from '../../model/errors.ts'
import type { Call } from '../provider.ts'
import type { Auth, ProjectWish } from './clouds-auth.ts'
import { toFault } from './faults.ts'
import type { Keystone } from './keystone.ts'
import { isToken, readTokenValue } from './token-facts.ts'

const body = Compile(
  Type.Object({
    projects: Type.Array(
      Type.Object({
        id: Type.String({ minLength: 1 }),
        name: Type.String(),
        domain_id: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        enabled: Type.Optional(Type.Boolean()),
      }),
    ),
  }),
)

type OidcAuth = Extract<Auth, { readonly method: 'oidc-access-token' }>

interface Unscoped {
  readonly token: string
  readonly project: { readonly id: string }
}

/**
 * The first steps of a federated login: an access token becomes a token for no project, and the project is looked for
 * among those that the user has.
 *
 * @throws {CloudError} provider-failed when the access token is refused, or the user has no such project
 * @see Keystone, Identity API v3: OS-FEDERATION, Request an unscoped OS-FEDERATION token; List projects a federated user can
 *   access
 */
export async function unscopedToken(keystone: Keystone, auth: OidcAuth, call: Call): Promise<Unscoped> {
  const token = await exchange(keystone, auth, call)
  if ('id' in auth.project) return { token, project: { id: auth.project.id } }
  const { name, settings, http } = keystone
  const what = `${name}: projects`
  const headers = { accept: 'application/json', 'x-auth-token': token }
  const answer = await http.request({ what, method: 'GET', url: `${settings.authUrl}/auth/projects`, headers, call })
  if (answer.status !== 200) throw toFault(what, answer)
  const json = answer.json()
  if (!body.Check(json)) throw new CloudError('provider-failed', `${what}: answers with no list of projects`)
  return { token, project: { id: choose(json.projects, auth.project, what) } }
}

/** Each protocol is tried in turn, for sites name theirs as they please. */
async function exchange({ name, settings, http }: Keystone, auth: OidcAuth, call: Call): Promise<string> {
  const { identityProvider, protocols, accessToken } = auth
  const what = `${name}: federated login`
  if (!isToken(accessToken)) throw new CloudError('provider-failed', `${what}: the access token is none; get a new one`)
  const tried: string[] = []
  for (const protocol of protocols) {
    const path = `identity_providers/${encodeURIComponent(identityProvider)}/protocols/${encodeURIComponent(protocol)}`
    const answer = await http.request({
      what,
      method: 'POST',
      url: `${settings.authUrl}/OS-FEDERATION/${path}/auth`,
      headers: { accept: 'application/json', authorization: `Bearer ${accessToken}` },
      call,
      isSafe: true,
    })
    if (answer.status === 201 || answer.status === 200) return readTokenValue(answer, what)
    if (answer.status !== 401 && answer.status !== 404) throw toFault(what, answer)
    tried.push(`${protocol} ${answer.status}`)
  }
  const why = `the access token is refused (${tried.join(', ')}): it has expired, or the site does not know the identity provider "${identityProvider}" or these protocols`
  throw new CloudError('provider-failed', `${what}: ${why}`)
}

interface Listed {
  readonly id: string
  readonly name: string
  readonly domain_id?: string | null
  readonly enabled?: boolean
}

/** A project may be named as its virtual organisation is, with EGI's prefixes; one that has the very name goes first. */
function choose(projects: readonly Listed[], wish: Extract<ProjectWish, { name: string }>, what: string): string {
  const { name, domain } = wish
  const usable = projects.filter(
    (project) => project.enabled !== false && (!domain || !('id' in domain) || project.domain_id === domain.id),
  )
  const exact = usable.filter((project) => project.name === name)
  const found =
    exact.length > 0 ? exact : usable.filter((project) => project.name.replace(/^(?:VO:|vo_)+/, '') === name)
  const [chosen] = found
  if (chosen && found.length === 1) return chosen.id
  if (found.length > 1) {
    const ids = found.map(({ id }) => id).join(', ')
    throw new CloudError(
      'provider-failed',
      `${what}: ${found.length} projects are named "${name}"; give project_id, one of ${ids}`,
    )
  }
  const names = usable.map((project) => project.name)
  const has =
    names.length === 0 ? 'has no project' : `has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ' …' : ''}`
  throw new CloudError('provider-failed', `${what}: no project "${name}": the user ${has}`)
}
