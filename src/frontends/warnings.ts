import type { HttpResponse } from './http.ts'

/** More would only repeat themselves. */
const WARNINGS_MAX = 10

/** RFC 7234 section 5.5: our dialects have no place for warnings, and clients leave this header aside. */
export function warningHeaders(warnings: readonly string[]): HttpResponse['headers'] {
  return [...new Set(warnings)].slice(0, WARNINGS_MAX).map((text) => {
    const printable = text
      .slice(0, 300)
      .replaceAll(/[^\x20-\x7E]/g, '?')
      .replaceAll(/["\\]/g, "'")
    return ['Warning', `299 bellhop "${printable}"`]
  })
}
