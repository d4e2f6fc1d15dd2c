import { CloudError } from '../../model/errors.ts'
import type { XmlElement } from '../../wire/xml.ts'

/** Texts by their names, as OpenNebula spells both. */
type LabRecord = Readonly<Record<string, string>>

/** A VM. */
export interface LabVm {
  readonly id: number
  readonly name: string
  readonly state: number
  readonly lcmState: number
  /** What of its template is a text, what users added too. */
  readonly template: LabRecord
  readonly nics: readonly LabRecord[]
}

/** A virtual network. */
export interface LabNetwork {
  readonly id: number
  readonly name: string
  /** The name of the account whose it is. */
  readonly owner: string
  /** NETWORK_ADDRESS, NETWORK_MASK, GATEWAY …, as far as the site says them. */
  readonly template: LabRecord
}

/** Reads a `<VM>`. @throws {CloudError} provider-failed naming what is missing */
export function readVm(element: XmlElement): LabVm {
  const template = childrenOf(element, 'TEMPLATE')[0]
  return {
    id: integerIn(element, 'ID'),
    name: textIn(element, 'NAME'),
    state: integerIn(element, 'STATE'),
    lcmState: integerIn(element, 'LCM_STATE'),
    template: readRecord(template),
    nics: childrenOf(template, 'NIC').map(readRecord),
  }
}

/** Reads a `<VNET>`. @throws {CloudError} provider-failed naming what is missing */
export function readNetwork(element: XmlElement): LabNetwork {
  return {
    id: integerIn(element, 'ID'),
    name: textIn(element, 'NAME'),
    owner: textIn(element, 'UNAME'),
    template: readRecord(childrenOf(element, 'TEMPLATE')[0]),
  }
}

/** All elements of that name, one or many. */
export function childrenOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? []
}

/** The whole number that a text says; nothing where it says something else. */
export function toInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

function readRecord(element: XmlElement | undefined): LabRecord {
  const texts = element?.children.filter(({ children }) => children.length === 0) ?? []
  return Object.fromEntries(texts.map(({ name, text }) => [name, text]))
}

function textIn(element: XmlElement, name: string): string {
  const text = childrenOf(element, name)[0]?.text
  if (text !== undefined) return text
  throw new CloudError('provider-failed', `StratusLab's ${element.name} has no ${name}`)
}

function integerIn(element: XmlElement, name: string): number {
  const number = toInteger(textIn(element, name))
  if (number !== undefined) return number
  throw new CloudError('provider-failed', `StratusLab's ${element.name}: ${name} is no whole number`)
}
