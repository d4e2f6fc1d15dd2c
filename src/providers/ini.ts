/** Sections and keys of an INI file, as they are written; keys in lower case. */
type Ini = ReadonlyMap<string, ReadonlyMap<string, string>>

/**
 * Reads a file of settings as Python's ConfigParser does, without its references and its values of several lines.
 *
 * @param written the section whose keys keep their case
 */
export function parseIni(text: string, written?: string): Ini {
  const sections = new Map<string, Map<string, string>>()
  let current: Map<string, string> | undefined
  let isWritten = false
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue
    const name = /^\[([^\]]+)\]/.exec(line)?.[1]
    if (name !== undefined) {
      current = sections.get(name) ?? new Map<string, string>()
      sections.set(name, current)
      isWritten = name === written
      continue
    }
    const middle = line.search(/[=:]/)
    if (!current || middle < 1) continue
    const key = line.slice(0, middle).trim()
    current.set(isWritten ? key : key.toLowerCase(), line.slice(middle + 1).trim())
  }
  return sections
}
