import { CloudError } from '../../model/errors.ts'
import { isTree, type Tree, type Value } from './clouds-files.ts'

/** What is said of one cloud, with its old spellings made new. Empty texts are none. */
export interface Entry {
  /** What stands beside `auth`, `{key}` filled in. @throws {CloudError} invalid naming a `{key}` that is not there */
  text(key: string): string | undefined
  /** What stands in `auth`, or beside it. */
  authText(key: string): string | undefined
  flag(key: string): boolean | undefined
  /** Keys of texts that stand beside `auth`. */
  readonly keys: readonly string[]
  /** An error that names cloud, key (`auth.…`) and what to do. */
  invalid(key: string, problem: string): CloudError
}

/** Where something was said, for people. */
export interface Origin {
  readonly cloud: string
  /** A file; absent: the variables. */
  readonly path?: string | undefined
}

// Later ones win, and what stands beside `auth` wins over what stands in it.
const MOVED_INTO_AUTH: Readonly<Record<string, readonly string[]>> = {
  domain_id: ['domain_id'],
  domain_name: ['domain_name'],
  user_domain_id: ['user_domain_id'],
  user_domain_name: ['user_domain_name'],
  project_domain_id: ['project_domain_id'],
  project_domain_name: ['project_domain_name'],
  token: ['auth_token', 'token'],
  project_id: ['tenant_id', 'project_id'],
  project_name: ['tenant_name', 'project_name'],
}

type Texts = Readonly<Record<string, string>>

/**
 * Makes one meaning of the spellings that clouds.yaml allows.
 *
 * @see openstacksdk, Configuring OpenStack SDK Applications: Site Specific File Locations, Auth Settings
 */
export function toEntry(tree: Tree, origin: Origin): Entry {
  const { auth: authTree, ...besideTree } = tree
  const beside = renamed(textsOf(besideTree))
  const auth = fillDomains(moved(beside, textsOf(isTree(authTree) ? authTree : {})))
  const invalid = (key: string, problem: string) => new CloudError('invalid', `${placeOf(origin, key)}: ${problem}`)
  const format = (key: string, text: string) => {
    const filled = fill(text, beside)
    if (filled === undefined)
      throw invalid(key, 'has {…} that names no text of this cloud; write {{ and }} for braces that mean themselves')
    return filled
  }
  const text = (key: string) => {
    const value = beside[key]
    return value === undefined ? undefined : format(key, value)
  }
  return {
    text,
    authText: (key) => {
      const value = auth[key] ?? beside[key]
      // Secrets and names may have braces of their own.
      return key === 'auth_url' && value !== undefined ? format('auth.auth_url', value) : value
    },
    flag: (key) => {
      const word = text(key)?.toLowerCase()
      if (word === undefined) return undefined
      if (TRUE.has(word)) return true
      if (FALSE.has(word)) return false
      throw invalid(key, 'must be true or false')
    },
    keys: Object.keys(beside),
    invalid,
  }
}

const TRUE = new Set(['true', 'yes', 'on', '1'])
const FALSE = new Set(['false', 'no', 'off', '0'])

function placeOf({ cloud, path }: Origin, key: string): string {
  const name = key.startsWith('auth.') ? key.slice('auth.'.length) : key
  return path === undefined ? `OS_${name.toUpperCase()}` : `${path}: clouds.${cloud}.${key}`
}

/** Keys with `_` only; `values` of regions and all else below too. */
export function withUnderscores(tree: Tree): Tree {
  const inner = (value: Value): Value => {
    if (isTree(value)) return withUnderscores(value)
    return typeof value === 'string' ? value : value.map(inner)
  }
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key.replaceAll('-', '_'), inner(value)]))
}

function textsOf(tree: Tree): Texts {
  return Object.fromEntries(
    Object.entries(tree).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== ''),
  )
}

function renamed(texts: Texts): Texts {
  const { auth_plugin: plugin, ...others } = texts
  const timeouts = Object.entries(others).filter(([key]) => key.endsWith('timeout') && !/^(?:api_)?timeout$/.test(key))
  const [, timeout] = timeouts.at(-1) ?? []
  return {
    ...(plugin === undefined ? {} : { auth_type: plugin }),
    ...others,
    // The old word wins, where both stand.
    ...Object.fromEntries(
      Object.entries(others)
        .filter(([key]) => key.endsWith('endpoint_type'))
        .map(([key, value]) => [key.replace(/endpoint_type$/, 'interface'), value]),
    ),
    ...(timeout === undefined ? {} : { api_timeout: timeout }),
  }
}

function moved(beside: Texts, auth: Texts): Texts {
  const winners = Object.entries(MOVED_INTO_AUTH).flatMap(([target, spellings]) => {
    const value = spellings.reduce<string | undefined>((last, key) => beside[key] ?? auth[key] ?? last, undefined)
    return value === undefined ? [] : [[target, value] as const]
  })
  return { ...auth, ...Object.fromEntries(winners) }
}

/** One domain for user and project, where a project is given. */
function fillDomains(auth: Texts): Texts {
  if (auth['project_id'] === undefined && auth['project_name'] === undefined) return auth
  const { domain_id: id, domain_name: name, ...others } = auth
  return {
    ...(id === undefined ? {} : { user_domain_id: id, project_domain_id: id }),
    ...(name === undefined ? {} : { user_domain_name: name, project_domain_name: name }),
    ...others,
  }
}

/** Python's `str.format` by name, and no more of it; nothing where a name is not there. */
function fill(text: string, texts: Texts): string | undefined {
  let isWhole = true
  const filled = text.replaceAll(/\{\{|\}\}|\{(\w+)\}|[{}]/g, (found: string, key: string | undefined) => {
    if (found === '{{' || found === '}}') return found.slice(1)
    const value = key !== undefined && key !== 'password' && Object.hasOwn(texts, key) ? texts[key] : undefined
    isWhole &&= value !== undefined
    return value ?? ''
  })
  return isWhole ? filled : undefined
}
