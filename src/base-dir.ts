import { homedir } from 'node:os'
import { join } from 'node:path'

/** Bellhop's folder in one of the user's base directories. @see XDG Base Directory Specification */
export function baseDir(kind: 'state' | 'cache', env: NodeJS.ProcessEnv = process.env): string {
  const [variable, fallback] = kind === 'state' ? ['XDG_STATE_HOME', '.local/state'] : ['XDG_CACHE_HOME', '.cache']
  const set = env[variable]
  return join(set?.startsWith('/') ? set : join(homedir(), fallback), 'bellhop')
}
