import type { XmlElement } from '../../wire/xml.ts'
import { childOf, childrenOf, integerIn, readRecord, textIn, type OneRecord } from '../one-xml.ts'

/** A VM. */
export interface LabVm {
  readonly id: number
  readonly name: string
  readonly state: number
  readonly lcmState: number
  /** What of its template is a text, what users added too. */
  readonly template: OneRecord
  readonly nics: readonly OneRecord[]
}

/** A virtual network. */
export interface LabNetwork {
  readonly id: number
  readonly name: string
  /** The name of the account whose it is. */
  readonly owner: string
  /** NETWORK_ADDRESS, NETWORK_MASK, GATEWAY …, as far as the site says them. */
  readonly template: OneRecord
}

/** Reads a `<VM>`. @throws {CloudError} provider-failed naming what is missing */
export function readVm(element: XmlElement): LabVm {
  const template = childOf(element, 'TEMPLATE')
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
    template: readRecord(childOf(element, 'TEMPLATE')),
  }
}
