import { parseIni } from '../ini.ts'

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
  const sections = parseIni(text, INSTANCE_TYPES)
  const common = sections.get(DEFAULT) ?? new Map<string, string>()
  const chosen = section ?? common.get(SELECTED)
  const own = chosen === undefined ? common : sections.get(chosen)
  if (!own) return undefined
  return {
    values: new Map([...common, ...own]),
    instanceTypes: [...(sections.get(INSTANCE_TYPES) ?? [])],
  }
}
