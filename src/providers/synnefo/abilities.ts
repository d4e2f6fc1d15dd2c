import { readFault } from '../fault-text.ts'
import type { Session } from './session.ts'

/** What a site can do, which depends on its age. */
export interface SiteAbilities {
  /** Key pairs, and `key_name` at creation. Since 0.19. */
  readonly hasKeyPairs: boolean
  /** `user_data` and `SNF:key_names` at creation. Since 0.20. */
  readonly hasUserData: boolean
}

/** No size has this id, and nothing is made: Synnefo looks at user data first, where it knows them. */
const NEVER_A_SERVER = { server: { name: '', imageRef: '', flavorRef: 'none', user_data: '!' } }

/**
 * Finds out what a site can do. It leaves out in silence whatever it does not know of a new server, and tells its version
 * nowhere; so it is asked for a server that it must refuse: by its user data, where it knows them.
 *
 * @see Synnefo, Changelog: v0.19, v0.20; api/servers.py: create_server
 */
export async function learnAbilities(session: Session): Promise<SiteAbilities> {
  const keys = await session.request('compute', { method: 'GET', path: '/os-keypairs', accepts: [400, 404] })
  if (keys.status !== 200) return { hasKeyPairs: false, hasUserData: false }
  const refusal = await session.request('compute', {
    method: 'POST',
    path: '/servers',
    json: NEVER_A_SERVER,
    accepts: [400, 404],
    isSafe: true,
  })
  return { hasKeyPairs: true, hasUserData: /user.?data/i.test(readFault(refusal).said) }
}
