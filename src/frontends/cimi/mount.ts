import { CloudError } from '../../model/errors.ts'
import type { Caller } from '../../model/instance.ts'

/** Where CIMI lies on the API port. */
export const ROOT = '/cimi'

/** Where clients of the first OpenStack filter look for it, below their project's name. */
export const TENANT_ROOT = '/cimiv1'

/** What a path means. */
export interface Mounted {
  /** URL of the mount, without slash at its end: every URL in the answer begins with it. */
  readonly base: string
  /** What stands behind it, decoded. */
  readonly segments: readonly string[]
}

/**
 * Splits a path into the mount and what is asked of it. Below `/cimiv1/` the mount ends with the caller's project, whole
 * or without its issuer.
 *
 * @param publicUrl without slash at its end
 * @throws {CloudError} forbidden when the path names another project
 */
export function mountOf(sent: string, { project }: Pick<Caller, 'project'>, publicUrl: string): Mounted {
  const path = sent.replaceAll(/\/{2,}/g, '/')
  if (!isBelow(path, TENANT_ROOT)) return { base: `${publicUrl}${ROOT}`, segments: segmentsIn(path.slice(ROOT.length)) }
  const rest = path.slice(TENANT_ROOT.length + 1)
  const tenant = [project, project.slice(project.indexOf('/') + 1)].find((name) => isBelow(rest, name))
  if (tenant === undefined)
    throw new CloudError(
      'forbidden',
      `"${rest.split('/', 1)[0]?.slice(0, 100)}" is not the project of your credential; that is ${project}`,
    )
  return {
    base: `${publicUrl}${TENANT_ROOT}/${encodeURIComponent(tenant)}`,
    segments: segmentsIn(rest.slice(tenant.length)),
  }
}

/** What a URL of ours asks of its mount, decoded; `undefined` for any other. */
export function segmentsOf(url: string, base: string): readonly string[] | undefined {
  if (!isBelow(url, base)) return undefined
  return segmentsIn(url.slice(base.length)).map(decodeURIComponent)
}

/** The URL of what lies below a mount. */
export function urlOf(base: string, ...segments: readonly string[]): string {
  return [base, ...segments.map(encodeURIComponent)].join('/')
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

function segmentsIn(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '')
}
