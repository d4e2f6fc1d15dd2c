import type { Resource } from './document.ts'
import type { Kind } from './kind.ts'
import { urlOf } from './mount.ts'
import { referenceTo, toResource } from './resource.ts'

/** The segment under which it lies; it lies at the mount itself too. */
const SEGMENT = 'cloudEntryPoint'

/** Whether it is the entry point that these segments mean. */
export function isEntryPoint(segments: readonly string[]): boolean {
  return segments.length === 0 || (segments.length === 1 && segments[0]?.toLowerCase() === SEGMENT.toLowerCase())
}

/**
 * Where everything is. Only what is backed has a link.
 *
 * @param base the mount's URL, without slash at its end
 * @see DSP0263 section 5.11
 */
export function entryPoint(base: string, kinds: readonly Kind[]): Resource {
  const links = kinds.flatMap(({ link, collection, path }) =>
    link === undefined ? [] : [[link, referenceTo(collection, urlOf(base, path))] as const],
  )
  return toResource('CloudEntryPoint', {
    id: urlOf(base, SEGMENT),
    name: 'Bellhop',
    description: "Hands a user's data to the machines that he starts, and shows that they arrived",
    baseURI: `${base}/`,
    ...Object.fromEntries(links),
  })
}
