import { escapeXmlText } from '../../wire/xml-text.ts'
import type { OneRecord } from '../one-xml.ts'

/** An attribute of a template: a text, or parts (CONTEXT, NIC …). */
export type TemplateAttribute = readonly [name: string, value: string | OneRecord]

/**
 * Attributes in OpenNebula's XML form, which, unlike its text form, can hold every value. Names are written as they are. An
 * attribute without text is lost on its way.
 *
 * @throws {CloudError} invalid naming the attribute that holds what XML cannot
 */
export function toTemplateXml(attributes: readonly TemplateAttribute[]): string {
  return `<TEMPLATE>${attributes.map(toElement).join('')}</TEMPLATE>`
}

function toElement([name, value]: TemplateAttribute): string {
  const inner =
    typeof value === 'string'
      ? escapeXmlText(value, name)
      : Object.entries(value)
          .map(([part, text]) => `<${part}>${escapeXmlText(text, `${name}/${part}`)}</${part}>`)
          .join('')
  return `<${name}>${inner}</${name}>`
}
