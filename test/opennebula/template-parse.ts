import { parseTemplateText } from './template-text.ts'
import type { Attribute, Parsed, Syntax } from './template.ts'
import { parseXml } from './xml.ts'

/** Reads either form. */
export function parseTemplate(source: string, syntax: Syntax): Parsed {
  return syntax.xml && source.startsWith('<') ? parseTemplateXml(source) : parseTemplateText(source, syntax)
}

/** Names of attributes are upper-cased, keys of vectors are not; empty elements vanish; of a doubled key the last stands. */
function parseTemplateXml(source: string): Parsed {
  const root = parseXml(source)
  if (root === undefined) return { error: 'XML Template malformed.' }
  const template: Attribute[] = []
  for (const element of root.children) {
    const name = element.name.toUpperCase()
    if (element.children.length > 0) {
      const values = element.children
        .filter((child) => child.text !== '')
        .map((child) => [child.name, child.text] as const)
      template.push({ name, value: new Map(values) })
    } else if (element.text !== '') template.push({ name, value: element.text })
  }
  return { template }
}
