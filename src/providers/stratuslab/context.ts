import { Buffer } from 'node:buffer'
import { gzipSync } from 'node:zlib'
import { isVariableName } from '../../layouts/context-sh-variables.ts'
import type { PublicKey } from '../../model/context.ts'
import { CloudError } from '../../model/errors.ts'
import type { InstanceSpec } from '../../model/instance.ts'
import { ONE_MAX_BYTES, PACKED_MAX_BYTES } from './capabilities.ts'
import type { ContextMethod } from './method.ts'
import { isClear, type TemplatePart } from './template.ts'

type Told = Pick<InstanceSpec, 'userData' | 'hostname' | 'publicKeys' | 'variables'>

/** Where the disk is attached; StratusLab's guests of old look there. */
const TARGET = 'hdd'
/** The front end's scripts need a key. In a guest's file of keys this line is none. */
const NO_KEY = 'none'

/**
 * The CONTEXT of a VM: StratusLab's own client writes it so. Whatever would not reach the guest whole is refused.
 *
 * @throws {CloudError} too-large naming both sizes; invalid, unsupported naming the field that cannot be carried
 * @see StratusLab, client: contextualization
 */
export function contextOf(told: Told, method: ContextMethod, provider: string): readonly TemplatePart[] {
  const own = method === 'one' ? variablesOf(told, provider) : cloudInitOf(told, provider)
  return [['public_key', publicKeyOf(told.publicKeys, method)], ...own, ['target', TARGET]]
}

function variablesOf({ userData, hostname, variables }: Told, provider: string): readonly TemplatePart[] {
  const sizeBytes = userData?.byteLength ?? 0
  if (sizeBytes > ONE_MAX_BYTES)
    throw new CloudError(
      'too-large',
      `userData is ${sizeBytes} bytes; ${provider} takes ${ONE_MAX_BYTES} by the method one`,
    )
  for (const [name, value] of Object.entries(variables)) checkVariable(name, value)
  return [
    ...(hostname === undefined ? [] : [['SET_HOSTNAME', hostname] as const]),
    ...Object.entries(variables),
    // Of nothing nothing is left: the front end cannot read an empty value.
    ...(userData && sizeBytes > 0 ? [['EC2_USER_DATA', toBase64(userData)] as const] : []),
  ]
}

function cloudInitOf({ userData, publicKeys }: Told, provider: string): readonly TemplatePart[] {
  const keys = publicKeys.map(({ text }) => `${text}\n`).join('')
  return [
    ['CONTEXT_METHOD', 'cloud-init'],
    ...(keys === '' ? [] : [['CLOUD_INIT_AUTHORIZED_KEYS', toBase64(Buffer.from(keys))] as const]),
    ...(userData ? [['CLOUD_INIT_USER_DATA', toBase64(pack(userData, provider))] as const] : []),
  ]
}

/** StratusLab's limit is one of what is packed. @throws {CloudError} too-large */
function pack(userData: Uint8Array, provider: string): Uint8Array {
  const packed = gzipSync(userData, { level: 9 })
  if (packed.byteLength <= PACKED_MAX_BYTES) return packed
  throw new CloudError(
    'too-large',
    `userData is ${userData.byteLength} bytes, and ${packed.byteLength} packed by gzip; ${provider} takes ${PACKED_MAX_BYTES} packed`,
  )
}

/** The disk for cloud-init has all keys, whole, in a place of their own. */
function publicKeyOf(publicKeys: readonly PublicKey[], method: ContextMethod): string {
  const lines = publicKeys.map(toClearKey)
  const lost = publicKeys[lines.indexOf(undefined)]
  if (lost && method === 'one')
    throw new CloudError(
      'unsupported',
      `publicKeys: "${lost.name.slice(0, 50)}" has options that StratusLab's method one cannot carry; leave them out, or put the key into the user data`,
    )
  const clear = lines.filter((line) => line !== undefined)
  return clear.length === 0 ? NO_KEY : `${clear.join('\n')}\n`
}

/** A key as it may stand in a template: a comment may change, for nothing depends on it; options may not. */
function toClearKey({ text }: PublicKey): string | undefined {
  if (isClear(text)) return text
  const [, key, comment = ''] = /^([\w@.-]+ +[A-Za-z0-9+/]+={0,3})(?: +(.*))?$/.exec(text) ?? []
  if (key === undefined || !isClear(key)) return undefined
  return `${key} ${comment.replaceAll(/[^A-Za-z0-9+/=._:@,-]+/g, '-')}`
}

function checkVariable(name: string, value: string): void {
  if (!/^[A-Z_][A-Z0-9_]*$/.test(name))
    throw new CloudError(
      'invalid',
      `variables: "${name.slice(0, 50)}" is no name that StratusLab brings to a guest; take A-Z 0-9 _, no digit first`,
    )
  if (!isVariableName(name))
    throw new CloudError(
      'invalid',
      `variables: ${name} is a name of StratusLab's, its guests' or their shells'; take another, such as MY_NAME`,
    )
  if (!isClear(value))
    throw new CloudError(
      'invalid',
      `variables: ${name} is empty, or holds what StratusLab cannot carry; take A-Z a-z 0-9 + / = . _ : @ , - and blanks, or encode it in base64`,
    )
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
