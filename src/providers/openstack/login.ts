import { CloudError } from '../../model/errors.ts'
import type { HttpAnswer } from '../../wire/http.ts'
import type { Call } from '../provider.ts'
import type { Auth } from './clouds-auth.ts'
import { toFault } from './faults.ts'
import { unscopedToken } from './federation.ts'
import type { Keystone } from './keystone.ts'
import { readTokenFacts, readTokenValue, type Token } from './token-facts.ts'

/**
 * Gets a token for the project of the settings, with their credential.
 *
 * @throws {CloudError} provider-failed when the credential is refused, or Keystone is not as it should be; unavailable,
 *   timeout, rate-limited
 * @see Keystone, Identity API v3: Authentication and token management
 */
export async function login(keystone: Keystone, call: Call): Promise<Token> {
  const { name, settings, http } = keystone
  const what = `${name}: login`
  const { auth } = settings
  if (!auth) throw new CloudError('forbidden', `${what}: the site has no credential; a caller's own token is needed`)
  const answer = await http.request({
    what,
    method: 'POST',
    url: `${settings.authUrl}/auth/tokens`,
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify({ auth: await authOf(keystone, auth, call) }),
    call,
    // A second token does no harm.
    isSafe: true,
  })
  if (answer.status === 201) {
    const facts = readTokenFacts(answer, what)
    if (facts) return { ...facts, value: readTokenValue(answer, what) }
    throw new CloudError('provider-failed', `${what}: the token is for no project; give a project in the settings`)
  }
  throw refused(answer, what, settings.name, auth)
}

/** The same 401 stands for all that can be wrong, and a deleted application credential is a 404. */
function refused(answer: HttpAnswer, what: string, name: string, auth: Auth): CloudError {
  if (answer.status !== 401 && answer.status !== 404) return toFault(what, answer)
  const doubts = {
    password: 'user, password, project or their domains are wrong, or the user has no role there',
    'application-credential': 'the application credential or its secret is wrong, or it was deleted or has expired',
    token: 'the token has expired, or is not for this project',
    'oidc-access-token': 'the user has no role on the project',
  }[auth.method]
  const why = `Keystone refuses the credential of cloud "${name}" (${answer.status}): ${doubts}; it does not say which`
  return new CloudError('provider-failed', `${what}: ${why}`)
}

async function authOf(keystone: Keystone, auth: Auth, call: Call): Promise<object> {
  if (auth.method === 'password') {
    const { user, password, project } = auth
    return { identity: { methods: ['password'], password: { user: { ...user, password } } }, scope: { project } }
  }
  if (auth.method === 'application-credential') {
    // No scope: it has its own, and another would be refused.
    const { credential, secret } = auth
    const methods = ['application_credential']
    return { identity: { methods, application_credential: { ...credential, secret } } }
  }
  if (auth.method === 'token') return rescope(auth.token, auth.project)
  const { token, project } = await unscopedToken(keystone, auth, call)
  return rescope(token, project)
}

function rescope(id: string, project: object): object {
  return { identity: { methods: ['token'], token: { id } }, scope: { project } }
}
