import { parseXml, type XmlElement } from '../../../wire/xml.ts'
import { recorded } from './replay.ts'

/** The XML that a recorded answer brings as text. */
export async function bodyOf(name: string): Promise<XmlElement> {
  const [params] = parseXml(await recorded(name, 'resp')).children
  const data = params?.children[0]?.children[0]?.children[0]?.children[0]
  const text = data?.children[1]?.children[0]?.text
  if (text === undefined) throw new Error(`${name} brings no body`)
  return parseXml(text)
}
