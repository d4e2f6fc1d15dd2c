import type { CloudSettings } from './clouds-settings.ts'
import type { TokenIssuer } from '../provider.ts'
import type { Identity } from './identity.ts'

/** Roles with which nobody changes anything. @see Keystone, Administrator Guide: Default Roles */
const LOOKS_ONLY = new Set(['reader', 'auditor'])

/**
 * Callers who come with tokens of this Keystone. Users and projects are named by their ids: their names belong to a domain,
 * and may be given to others later.
 */
export function keystoneCallers(
  { authUrl }: Pick<CloudSettings, 'authUrl'>,
  { tokenOwner }: Pick<Identity, 'tokenOwner'>,
): TokenIssuer {
  const issuer = authUrl.replace(/\/v3$/, '')
  return {
    issuer,
    caller: async (token, call) => {
      const { user, project, roles } = await tokenOwner(token, call)
      return {
        subject: `${issuer}/${user.id}`,
        project: `${issuer}/${project.id}`,
        // A site may call the role of those who work there what it likes.
        role: roles.some((role) => !LOOKS_ONLY.has(role)) ? 'member' : 'reader',
        credential: { issuer, token },
      }
    },
  }
}
