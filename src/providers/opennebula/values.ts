import { CloudError } from '../../model/errors.ts'
import type { OneRecord } from '../one-xml.ts'

/** Where OpenNebula's front end joins the values of a CONTEXT; it does not look whether one holds it already. */
const SEPARATOR = '@^_^@'
/** Names a value that stands beside CONTEXT. */
const PREFIX = 'BELLHOP_VALUE_'

/** Parts of a CONTEXT, and the attributes of the VM that they refer to. */
export interface ContextValues {
  readonly context: OneRecord
  readonly references: OneRecord
}

/**
 * Values as a CONTEXT has to say them so that the guest reads them byte for byte: what has variables for OpenNebula stands
 * in an attribute of its own, and is inserted from there unread.
 *
 * @param field what an error calls each part (default: its name)
 * @throws {CloudError} invalid as {@link checkValue}
 */
export function toContextValues(values: OneRecord, field: (name: string) => string = (name) => name): ContextValues {
  const [context, references] = [new Map<string, string>(), new Map<string, string>()]
  for (const [name, value] of Object.entries(values)) {
    checkValue(value, field(name))
    // A backslash at the end of all is dropped, and which value stands last is not ours alone to say.
    const isByReference = value.includes('$') || value.endsWith('\\')
    if (isByReference) references.set(`${PREFIX}${name}`, value)
    context.set(name, isByReference ? `$${PREFIX}${name}` : value)
  }
  return { context: Object.fromEntries(context), references: Object.fromEntries(references) }
}

/**
 * Whether a value passes OpenNebula whole, in clear or by reference.
 *
 * @throws {CloudError} invalid naming the field and what does not pass, never the value
 */
function checkValue(value: string, field: string): void {
  const why = UNFIT.find(({ isIn }) => isIn(value))?.what
  if (why !== undefined)
    throw new CloudError(
      'invalid',
      `${field}: ${why}, which OpenNebula cannot carry; put it into userData, or encode it`,
    )
}

const UNFIT: readonly { readonly isIn: (value: string) => boolean; readonly what: string }[] = [
  { isIn: (value) => value === '', what: 'it is empty' },
  { isIn: (value) => value.includes(SEPARATOR), what: 'it holds a sequence that OpenNebula has reserved' },
  { isIn: (value) => value.includes(']]>'), what: 'it holds "]]>"' },
  // Line feeds and tabs pass; a carriage return becomes a line feed.
  { isIn: (value) => /[\0-\x08\x0B-\x1F\uFFFE\uFFFF]/.test(value), what: 'it holds a control character' },
  // Halves of pairs, too. A VM with such a character could never be read again.
  { isIn: (value) => /[\uD800-\uDFFF]/.test(value), what: 'it holds a character above U+FFFF (such as an emoji)' },
]

const NAME_MAX_BYTES = 128

/** A VM's name as OpenNebula takes it: what it refuses becomes `-`, and 128 bytes are left of it. */
export function toVmName(title: string): string {
  const legal = title
    .replaceAll(SEPARATOR, '-')
    .replaceAll(/[&|:\\";/'#{}$<>]/g, '-')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u{10000}-\u{10FFFF}]+/gu, ' ')
    .trim()
  let name = ''
  for (const character of legal) {
    if (Buffer.byteLength(name + character) > NAME_MAX_BYTES) break
    name += character
  }
  return name.trim()
}
