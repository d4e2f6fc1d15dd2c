import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenNebula } from './opennebula.ts'
import { escapeText, parseXml, type Element } from './xml.ts'

/** A value to send. `i8` is a type that the front end refuses. */
export type Sent = string | number | boolean | { readonly i8: number }

/** What came back. */
export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Elements of an answer's array, as text. */
  readonly elements: readonly string[]
  readonly faultCode: number | undefined
}

/** Posts bytes as they are. */
export async function post(url: string, body: string | Uint8Array<ArrayBuffer>): Promise<Reply> {
  const response = await fetch(url, { method: 'POST', body })
  const text = await response.text()
  const root = response.status === 200 ? parseXml(text) : undefined
  const fault = root && within(root, 'fault', 'value', 'struct')
  const code = fault?.children[0] && within(fault.children[0], 'value', 'i4')
  const data = root && within(root, 'params', 'param', 'value', 'array', 'data')
  return {
    status: response.status,
    headers: response.headers,
    text,
    elements: (data?.children ?? []).map((value) => value.children[0]?.text ?? ''),
    faultCode: code && Number(code.text),
  }
}

function within(element: Element, ...path: readonly string[]): Element | undefined {
  let at: Element | undefined = element
  for (const name of path) at = at?.children.find((child) => child.name === name)
  return at
}

/** Calls a method as an account. */
export async function ask(
  { url }: OpenNebula,
  session: string,
  method: string,
  ...sent: readonly Sent[]
): Promise<Reply> {
  const params = [session, ...sent].map((value) => `<param><value>${render(value)}</value></param>`).join('')
  const body = `<?xml version="1.0"?>\n<methodCall><methodName>${method}</methodName><params>${params}</params></methodCall>`
  return await post(url, body)
}

function render(value: Sent): string {
  if (typeof value === 'string') return `<string>${escapeText(value)}</string>`
  if (typeof value === 'boolean') return `<boolean>${value ? 1 : 0}</boolean>`
  return typeof value === 'number' ? `<i4>${value}</i4>` : `<i8>${value.i8}</i8>`
}

/** Calls as the administrator, and expects success. */
export async function tell(one: OpenNebula, method: string, ...sent: readonly Sent[]): Promise<string> {
  const { elements, text } = await ask(one, one.session, method, ...sent)
  assert.equal(elements[0], '1', text)
  return elements[1] ?? ''
}

/** Waits until a VM is in a state. */
export async function reach(one: OpenNebula, id: number, state: number, lcmState = 0): Promise<void> {
  for (let tries = 0; tries < 5000; tries += 1) {
    const vm = one.vms()[id]
    if (vm?.state === state && vm.lcmState === lcmState) return
    await sleep(2)
  }
  const vm = one.vms()[id]
  assert.fail(`VM ${id} is in ${vm?.state}/${vm?.lcmState}, not in ${state}/${lcmState}`)
}
