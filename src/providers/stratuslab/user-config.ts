/** Sections and keys of an INI file, as they are written; keys in lower case. */
type Ini = ReadonlyMap<string, ReadonlyMap<string, string>>

/** What a `stratuslab-user.cfg` says of one cloud. All is text, and nothing is judged yet. */
export interface UserConfig {
  /** By the client's own names: `endpoint`, `username`, `pem_key` … */
  readonly values: ReadonlyMap<string, string>
  /** From `[instance_types]`: name, and `cpu, ram, swap` as it stands there. */
  readonly instanceTypes: readonly (readonly [name: string, text: string])[]
}

const DEFAULT = 'default'
const SELECTED = 'selected_section'
const INSTANCE_TYPES = 'instance_types'

/**
 * Reads the user file of StratusLab's client: what the section of the chosen cloud says wins over `[default]`.
 *
 * @param section absent: the one that `selected_section` names, if any
 * @returns nothing where there is no such section
 * @see StratusLab, User Guide: Client Configuration
 */
export function parseUserConfig(text: string, section?: string): UserConfig | undefined {
  const sections = parseIni(text)
  const common = sections.get(DEFAULT) ?? new Map<string, string>()
  const chosen = section ?? common.get(SELECTED)
  const own = chosen === undefined ? common : sections.get(chosen)
  if (!own) return undefined
  return {
    values: new Map([...common, ...own]),
    instanceTypes: [...(sections.get(INSTANCE_TYPES) ?? [])],
  }
}

/** As Python's ConfigParser reads it, without its references and its values of several lines. */
function parseIni(text: string): Ini {
  const sections = new Map<string, Map<string, string>>()
  let current: Map<string, string> | undefined
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*(?:[#;]|$)/.test(line)) continue
    const name = /^\[([^\]]+)\]/.exec(line)?.[1]
    if (name !== undefined) {
      current = sections.get(name) ?? new Map<string, string>()
      sections.set(name, current)
      continue
    }
    const middle = line.search(/[=:]/)
    if (!current || middle < 1) continue
    const key = line.slice(0, middle).trim()
    current.set(current === sections.get(INSTANCE_TYPES) ? key : key.toLowerCase(), line.slice(middle + 1).trim())
  }
  return sections
}
