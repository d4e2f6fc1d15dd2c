import { Buffer } from 'node:buffer'
import { toPublicKey, type PublicKey } from '../../../model/context.ts'
import { CloudError } from '../../../model/errors.ts'
import type { InstanceSpec } from '../../../model/instance.ts'
import { decodeBase64 } from '../../../wire/base64.ts'
import { ATTRIBUTES, type Attribute } from '../attributes.ts'
import type { CheckedEntity, ContextEntry } from '../check.ts'
import { textOf } from './naming.ts'

/** How OCCI 1.2's `occi.compute.userdata` is written. Nothing in it tells, so it is never guessed. */
export type UserDataEncoding = 'base64' | 'raw'

/** What a client says of his user data, and the data. */
export interface SaidUserData {
  readonly userData?: Uint8Array
  readonly encoding?: UserDataEncoding
  readonly mediaType?: string
  /** Name of a format, or a media type. */
  readonly format?: string
}

/**
 * The user data of a request, by both families of mixins.
 *
 * @param standing how the data are written where the request does not say
 * @throws {CloudError} invalid when they are not base64 where they should be; conflict when two different ones came
 */
export function toUserData(checked: CheckedEntity, standing: UserDataEncoding): SaidUserData {
  const given = textOf(checked, ATTRIBUTES.userDataEncoding)
  const encoding = given === 'raw' || given === 'base64' ? given : undefined
  const mediaType = textOf(checked, ATTRIBUTES.userDataMediaType)
  const formats = checked.mixins.flatMap((mixin) => (mixin.format === undefined ? [] : [mixin.format]))
  if (formats.length > 1) throw new CloudError('invalid', `user data cannot be ${formats.join(' and ')} at once`)
  const format = formats[0] ?? mediaType
  const userData = decoded(checked.context, encoding ?? standing)
  return {
    ...(userData ? { userData } : {}),
    ...(encoding === undefined ? {} : { encoding }),
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(format === undefined ? {} : { format }),
  }
}

/** @throws {CloudError} invalid when one is no key */
export function toKeys(checked: CheckedEntity): readonly PublicKey[] {
  const keys = checked.context
    .filter(({ meaning }) => meaning === 'public-key')
    .map((entry) => {
      const name = entry.mixin.context?.name
      return toPublicKey(entry.text, name && textOf(checked, name))
    })
  return keys.filter((key, index) => keys.findIndex((other) => other.text === key.text) === index)
}

/**
 * User data as an attribute's text, to be read back.
 *
 * @param multiline whether values can have several lines
 * @returns `undefined` where they are raw and the rendering cannot hold them
 */
export function fromUserData(
  bytes: NonNullable<InstanceSpec['userData']>,
  attribute: Attribute,
  encoding: UserDataEncoding,
  multiline: boolean,
): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isRaw(attribute, encoding)) return buffer.toString('base64')
  const text = buffer.toString('utf8')
  const holds = Buffer.from(text, 'utf8').equals(buffer) && (multiline || !/[\0-\x1F\x7F]/.test(text))
  return holds ? text : undefined
}

function isRaw(attribute: Pick<Attribute, 'name'>, encoding: UserDataEncoding): boolean {
  return encoding === 'raw' && attribute.name === ATTRIBUTES.occiUserData.name
}

function decoded(context: readonly ContextEntry[], encoding: UserDataEncoding): Uint8Array | undefined {
  const entries = context.filter(({ meaning }) => meaning === 'user-data')
  const [first, ...others] = entries.map(({ text, attribute, mixin }) => ({
    attribute,
    bytes:
      mixin.context && isRaw(mixin.context.data, encoding) ? Buffer.from(text, 'utf8') : decodeBase64(text, attribute),
  }))
  const different = others.find(({ bytes }) => first && !Buffer.from(bytes).equals(first.bytes))
  if (different)
    throw new CloudError(
      'conflict',
      `${first?.attribute} and ${different.attribute} hold different user data; send one`,
    )
  return first?.bytes
}
