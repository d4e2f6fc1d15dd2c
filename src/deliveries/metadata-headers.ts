/** The values of the header `name` among names and values in turn, as they came; all names are in lower case. */
export function headerValues(headers: readonly string[], name: string): readonly string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] === name) values.push(headers[i + 1] ?? '')
  return values
}

/** The first value of the header `name`. */
export function headerValue(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
  return undefined
}
