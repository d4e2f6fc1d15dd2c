import { METADATA_LAYOUTS } from '../layouts/index.ts'
import { normalisePath } from './metadata-path.ts'

/** Where a layout may have what a guest asks for. */
export interface Place {
  /** Index in {@link METADATA_LAYOUTS}. */
  readonly layout: number
  /** In the layout's tree. */
  readonly path: string
  /** In the server's tree: the path that events name. */
  readonly canonical: string
}

/** What a path is about. */
export type Route =
  | { readonly kind: 'files' | 'password'; readonly places: readonly Place[] }
  | { readonly kind: 'site-context'; readonly name: string }
  | { readonly kind: 'session-token' | 'report' }

/** Methods that each kind of path answers to. */
export const ALLOWED: Readonly<Record<Route['kind'], readonly string[]>> = {
  files: ['GET', 'HEAD'],
  password: ['GET', 'HEAD', 'POST'],
  'site-context': ['GET', 'HEAD'],
  'session-token': ['PUT'],
  report: ['POST'],
}

const SESSION_TOKEN = 'latest/api/token'
const REPORT = 'report'

/** A guest leaves its password there, if the folder lists it. */
const PASSWORD = /^(openstack\/[^/]+)\/password$/

/** HEPiX's amiconfig asks for tar balls of its site there. */
const SITE_CONTEXT = /^context\/([\w.-]+\.tgz)$/

/** All guests ask for the same few hundred targets; whoever invents others must not fill the memory. */
const KEPT_MAX = 1000
const KEPT_TARGET_MAX_LENGTH = 200

/**
 * Finds out what a target is about, and remembers it.
 *
 * @returns a function that gives `undefined` for what is no path at all
 */
export function createRoutes(): (target: string) => Route | undefined {
  const kept = new Map<string, Route>()
  return (target) => {
    const known = kept.get(target)
    if (known) return known
    const path = normalisePath(target)
    if (path === undefined) return undefined
    const route = routeOf(path)
    if (kept.size >= KEPT_MAX) kept.clear()
    if (target.length <= KEPT_TARGET_MAX_LENGTH) kept.set(target, route)
    return route
  }
}

function routeOf(path: string): Route {
  if (path === SESSION_TOKEN) return { kind: 'session-token' }
  if (path === REPORT) return { kind: 'report' }
  const site = SITE_CONTEXT.exec(path)?.[1]
  if (site !== undefined) return { kind: 'site-context', name: site }
  const folder = PASSWORD.exec(path)?.[1]
  return folder === undefined
    ? { kind: 'files', places: placesOf(path) }
    : { kind: 'password', places: placesOf(folder) }
}

function placesOf(path: string): readonly Place[] {
  return METADATA_LAYOUTS.flatMap(({ mount, layout }, index) => {
    if (!`${path}/`.startsWith(mount)) return []
    const below = path.slice(mount.length)
    const inside = layout.canonical ? layout.canonical(below) : below
    return inside === undefined ? [] : { layout: index, path: inside, canonical: `/${mount}${inside}` }
  })
}
