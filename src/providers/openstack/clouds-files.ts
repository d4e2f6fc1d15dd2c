import { join, resolve } from 'node:path'
import { LineCounter, isPair, isScalar, parseDocument, visit } from 'yaml'
import { CloudError } from '../../model/errors.ts'
import type { Surroundings as AnySurroundings } from '../settings.ts'

/** What YAML or JSON holds; every scalar as the text that it was written as, and nothing for null. */
export type Value = string | Tree | readonly Value[]
export interface Tree {
  readonly [key: string]: Value
}

/** The machine around us, as far as the settings of clouds depend on it. */
export interface Surroundings extends AnySurroundings {
  readonly cwd: string
}

/** A file that was found, and those before it that could not be used. */
export interface Found {
  readonly path?: string
  readonly tree: Tree
  /** Each with its reason, for people. */
  readonly skipped: readonly string[]
}

/**
 * Reads the first usable file of a name (`clouds`, `secure`, `clouds-public`) on the search path.
 *
 * @param first the file that a variable names, looked at before all others
 * @throws {CloudError} invalid when it holds no mapping
 * @see openstacksdk, Configuring OpenStack SDK Applications: Config Files
 */
export async function findFile(name: string, first: string | undefined, around: Surroundings): Promise<Found> {
  const skipped: string[] = []
  const searched = searchPath(around).flatMap((folder) => ENDINGS.map((ending) => join(folder, `${name}${ending}`)))
  const named = first === undefined ? [] : [resolve(around.cwd, first)]
  for (const path of [...named, ...searched]) {
    let text: string
    try {
      text = await around.readFile(path)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'cannot be read'
      if (code !== 'ENOENT' || named.includes(path)) skipped.push(`${path}: ${code}`)
      continue
    }
    const { value, problem } = path.endsWith('json') ? readJson(text) : readYaml(text)
    if (problem === undefined) return { path, tree: asTree(value, path), skipped }
    skipped.push(`${path}: ${problem}`)
  }
  return { tree: {}, skipped }
}

const ENDINGS = ['.yaml', '.yml', '.json']

function searchPath({ env, cwd, home }: Surroundings): readonly string[] {
  const own = (env['XDG_CONFIG_HOME'] ?? '') || join(home, '.config')
  const site = (env['XDG_CONFIG_DIRS'] ?? '') || '/etc/xdg'
  const based = [own, join(home, '.config'), ...site.split(':').filter((folder) => folder !== '')]
  return [cwd, ...based.map((folder) => join(folder, 'openstack')), '/etc/openstack']
}

interface Reading {
  readonly value?: Value | undefined
  /** Never with anything of the text in it. */
  readonly problem?: string
}

// A version `2.90` or a password `0123` must stay as it was written: no scalar is read as a number.
function readYaml(text: string): Reading {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { schema: 'failsafe', merge: true, prettyErrors: false, lineCounter })
  const [wrong] = document.errors
  if (wrong) return { problem: `no YAML: line ${lineCounter.linePos(wrong.pos[0]).line} (${wrong.code})` }
  visit(document, {
    Pair: (_, { value }) =>
      isScalar(value) && value.type === 'PLAIN' && isNull(value.value) ? visit.REMOVE : undefined,
    Scalar: (_, scalar, path) => {
      if (!isPair(path.at(-1)) && scalar.type === 'PLAIN' && isNull(scalar.value)) return visit.REMOVE
      return undefined
    },
  })
  try {
    return { value: toValue(document.toJS()) }
  } catch {
    return { problem: 'no YAML that can be taken: its aliases name nothing, or too much' }
  }
}

function isNull(value: unknown): boolean {
  return value === null || (typeof value === 'string' && /^(?:|~|null|Null|NULL)$/.test(value))
}

function readJson(text: string): Reading {
  try {
    return { value: toValue(JSON.parse(text)) }
  } catch {
    return { problem: 'no JSON' }
  }
}

function toValue(value: unknown): Value | undefined {
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value)) return value.flatMap((item) => toValue(item) ?? [])
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const read = toValue(item)
    return read === undefined ? [] : [[key, read] as const]
  })
  return Object.fromEntries(entries)
}

function asTree(value: Value | undefined, path: string): Tree {
  if (value === undefined) return {}
  if (isTree(value)) return value
  throw new CloudError('invalid', `${path}: holds no mapping; it must begin with "clouds:"`)
}

/** Whether a value has keys of its own. */
export function isTree(value: Value | undefined): value is Tree {
  return typeof value === 'object' && !Array.isArray(value)
}

/** What `over` says, and what `under` says beside it, at every depth. */
export function mergeDeep(under: Tree, over: Tree): Tree {
  const merged = Object.entries(over).map(([key, value]) => {
    const below = Object.hasOwn(under, key) ? under[key] : undefined
    return [key, isTree(value) && isTree(below) ? mergeDeep(below, value) : value] as const
  })
  return { ...under, ...Object.fromEntries(merged) }
}
