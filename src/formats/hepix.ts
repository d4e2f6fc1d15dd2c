import { ignored, type Finding, type Format } from './format.ts'
import { script } from './script.ts'

/**
 * Sections for amiconfig, which CernVM and HEPiX's other images have, alone or behind a script; and for the boot loader uCernVM.
 *
 * What amiconfig does with them is recorded in `testdata/amiconfig-2017.json`.
 */
export const hepix: Format = {
  name: 'hepix',
  title: 'INI for amiconfig',
  matches: ({ text }) => KNOWN_SECTION.test(text),
  examine: (payload, formats) => {
    const hasScript = payload.lead.startsWith('#!')
    const found: Finding = hasScript ? script.examine(payload, formats) : ignored()
    const lines = payload.text.split('\n')
    const remarks = [READERS, ...scriptRemarks(lines, hasScript), ...settingsRemarks(lines)]
    return { ...found, remarks: [...found.remarks, ...remarks] }
  },
}

/** The same behind a script, whose beginning makes it one for cloud-init. */
export const hepixScript: Format = { ...hepix, title: 'script, then INI for amiconfig' }

const KNOWN_SECTION = /(?:^|\n)\[(?:amiconfig|cernvm|hepix|ucernvm-begin)\]/i
const KNOWN = ['amiconfig', 'cernvm', 'hepix']
const LOADER = 'ucernvm-begin'
const NO = /^(?:no|off|false|0)$/i

const READERS = 'only images with amiconfig, such as CernVM, read the sections, and amiconfig unpacks no gzip'

/** What amiconfig's shell function does with a script, by the lines it looks at: those that are not blank. */
function scriptRemarks(all: readonly string[], isFirst: boolean): readonly string[] {
  const lines = all.filter((line) => /[^ ]/.test(line))
  const interpreter = lines.find((line) => line.startsWith('#!'))
  if (interpreter === undefined) return []
  if (!isFirst) return ['the script comes after something else: amiconfig runs one only where it comes first']
  const [, ...behind] = interpreter.split('sh')
  if (behind.some((words) => /before|after/.test(words)))
    return ['a word stands behind the shell, which takes it for a file: the script fails where amiconfig runs it']
  if (!interpreter.endsWith('sh')) return ['amiconfig runs no script whose first line does not end in "sh"']
  return endsBeforeSections(lines)
    ? []
    : ['no "exit" right before the sections: the shell takes their lines for commands']
}

/** Whether the shell's last command before the sections ends it; one on a branch may not be reached. */
function endsBeforeSections(lines: readonly string[]): boolean {
  const sections = lines.findIndex((line) => KNOWN_SECTION.test(line))
  const last = lines.slice(0, sections).findLast((line) => !/^\s*#/.test(line))
  return last !== undefined && /^(?:.*[;&|])?\s*(?:exit\b|exec\s+[A-Za-z_/"'$.])/.test(last)
}

function settingsRemarks(lines: readonly string[]): readonly string[] {
  const { sections, indented } = parseSections(lines)
  const remarks = KNOWN.flatMap((name) => {
    const isWrong = [...sections.keys()].some((each) => each !== name && each.toLowerCase() === name)
    return isWrong ? [`amiconfig fails with capitals in the name of a section: write [${name}]`] : []
  })
  if (indented) remarks.push('amiconfig drops a key that has white space before it')
  if (hasPasswords(sections.get('cernvm')?.get('users') ?? ''))
    remarks.push('"users" has passwords in clear: whoever reads the user data has them')
  // Its test compares a constant: whatever is there, "no" too, means yes.
  if (sections.has('hepix') && NO.test(sections.get('hepix')?.get('requiressl') ?? 'no'))
    remarks.push('the site context is fetched by https all the same: only an empty "requiressl=" makes it http')
  if ([...(sections.get(LOADER)?.values() ?? [])].some(isBroken))
    remarks.push('uCernVM has a shell read its values: one with a blank or ";" needs quotes')
  return remarks
}

/** Keys in lower case, by section; a section's name is as it is. */
type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>

/** As amiconfig reads them: lines before the first section, and lines that are neither section nor pair, do not count. */
function parseSections(lines: readonly string[]): { readonly sections: Sections; readonly indented: boolean } {
  const sections = new Map<string, Map<string, string>>()
  let section: Map<string, string> | undefined
  let indented = false
  for (const line of lines) {
    const name = /^\[([^\]]+)\]/.exec(line)?.[1]
    if (name !== undefined) {
      section = sections.get(name) ?? new Map<string, string>()
      sections.set(name, section)
      continue
    }
    const middle = line.search(/[:=]/)
    if (!section || middle < 1 || /^[#;]/.test(line)) continue
    if (/^\s/.test(line)) indented ||= /[^\s#;]/.test(line.slice(0, middle))
    else section.set(line.slice(0, middle).trim().toLowerCase(), line.slice(middle + 1).trim())
  }
  return { sections, indented }
}

/** `name:group:password`, with commas between. */
function hasPasswords(users: string): boolean {
  return users.split(',').some((user) => (user.split(':', 3)[2] ?? '').trim() !== '')
}

/** Whether a shell takes less than the whole for the value. */
function isBroken(value: string): boolean {
  return /[\s;]/.test(value) && !/^(?:"[^"]*"|'[^']*')$/.test(value)
}
