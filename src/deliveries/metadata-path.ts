/** A path that needs nothing done to it but to lose its leading slash. */
const PLAIN = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9_.=-]*)+$/

/** Proxies may send the absolute form. @see RFC 9112 section 3.2.2 */
const ORIGIN = /^https?:\/\/[^/?#]*/i

/**
 * The path that a guest means by a request's target, without leading or trailing slash (`''` is the root). As Nova has it:
 * decoded once, repeated slashes and `.` dropped, `..` resolved within the root, the query ignored.
 *
 * @returns `undefined` where the target is none: no path, or no UTF-8 once decoded
 * @example normalisePath('//latest/x/../user-data/?y') // 'latest/user-data'
 */
export function normalisePath(target: string): string | undefined {
  if (PLAIN.test(target)) return target.slice(1)
  const decoded = decode(target.startsWith('/') ? target : target.replace(ORIGIN, '/'))
  if (!decoded?.startsWith('/')) return undefined
  const names: string[] = []
  for (const name of decoded.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return names.join('/')
}

function decode(target: string): string | undefined {
  try {
    return decodeURIComponent(target.replace(/[?#].*$/s, ''))
  } catch {
    return undefined
  }
}
