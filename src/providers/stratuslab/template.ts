import { CloudError } from '../../model/errors.ts'

/** Part of a template: a text, or parts of its own (DISK, NIC, CONTEXT). */
export type TemplateAttribute = readonly [key: string, value: string | readonly TemplatePart[]]
export type TemplatePart = readonly [key: string, value: string]

/**
 * What passes from a template into a guest as it is. The front end undoes no quotes, puts in variables at `$`, and writes what the
 * guest's shell reads with nothing escaped: a backquote there runs a command as root.
 */
const CLEAR = /^[A-Za-z0-9+/=._:@, \n-]+$/

/** Whether a value may stand in a template in clear. An empty one may not: the front end cannot read it. */
export function isClear(value: string): boolean {
  return CLEAR.test(value)
}

/**
 * A template in the text form, the only one that OpenNebula 3.2 has.
 *
 * @throws {CloudError} invalid naming the key whose value cannot stand in it, never the value
 * @see OpenNebula 3.2, Virtual Machine Definition File
 */
export function renderTemplate(attributes: readonly TemplateAttribute[]): string {
  return attributes.map(renderAttribute).join('')
}

function renderAttribute([key, value]: TemplateAttribute): string {
  if (typeof value === 'string') return `${renderPart([key, value])}\n`
  return `${key} = [\n${value.map(renderPart).join(',\n')}\n]\n`
}

function renderPart([key, value]: TemplatePart): string {
  if (!/^\w+$/.test(key) || !isClear(value))
    throw new CloudError(
      'invalid',
      `${key}: it is empty, or holds what a template cannot: take A-Z a-z 0-9 + / = . _ : @ , - and blanks`,
    )
  return `${key} = "${value}"`
}
