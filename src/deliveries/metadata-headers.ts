/**
 * The values of the header `name` (in lower case) among names and values in turn, as they came.
 */
export function headerValues(headers: readonly string[], name: string): readonly string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) if (isNamed(headers[i], name)) values.push(headers[i + 1] ?? '')
  return values
}

/** The first value of the header `name` (in lower case). */
export function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) if (isNamed(headers[i], name)) return headers[i + 1]
  return undefined
}

// Most names differ in length already.
function isNamed(header: string | undefined, name: string): boolean {
  return header?.length === name.length && header.toLowerCase() === name
}
