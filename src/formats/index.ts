import { archive } from './archive.ts'
import { boothook } from './boothook.ts'
import { cloudConfig } from './cloud-config.ts'
import type { Finding, Format, Formats } from './format.ts'
import { binary, text } from './free-form.ts'
import { unpack } from './gzip.ts'
import { hepix, hepixScript } from './hepix.ts'
import { include, includeOnce } from './include.ts'
import { jinja } from './jinja.ts'
import { jsonPatch } from './json-patch.ts'
import { ignition, json } from './json.ts'
import { multipart, readForItsMention } from './multipart.ts'
import { partHandler } from './part-handler.ts'
import { toPayload, type Payload } from './payload.ts'
import { script, scriptPerBoot, scriptPerInstance, scriptPerOnce } from './script.ts'
import { contextSh, ini } from './settings.ts'
import { batch, powershell } from './windows.ts'

/** Every format. Those without prefix are asked in this order, and the last takes all. To add one: a file, and a line here. */
const FORMATS: readonly Format[] = [
  script,
  scriptPerBoot,
  scriptPerInstance,
  scriptPerOnce,
  cloudConfig,
  archive,
  jsonPatch,
  boothook,
  include,
  includeOnce,
  partHandler,
  jinja,
  multipart,
  ignition,
  json,
  powershell,
  batch,
  contextSh,
  hepix,
  ini,
  text,
  binary,
]

/** What we know of user data from its bytes alone. */
export interface Detected extends Finding {
  /** The format's word, which stays as it is: scripts may depend on it. */
  readonly name: string
  /** Whether it is packed; name and all else speak of what is in it. */
  readonly gzip: boolean
  /** For people: `script, gzip`. */
  readonly title: string
}

/**
 * Finds the format of user data, and what cloud-init 22.4 will do with it. Free form is a format like others.
 *
 * Never throws, and takes linear time: what would take long is not looked into, and then says so.
 *
 * @example
 * detect(Buffer.from('#!/bin/sh\n')) // { name: 'script', title: 'script', cloudInit: 'runs', provenBy: 'scripts-user', … }
 */
export function detect(bytes: Uint8Array): Detected {
  const unpacked = unpack(bytes)
  const { gzip } = unpacked
  if ('refused' in unpacked) return toDetected(binary, { cloudInit: 'ignores', remarks: [unpacked.refused] }, gzip)
  if (unpacked.bytes.length === 0) return toDetected(EMPTY, { cloudInit: 'ignores', remarks: [] }, gzip)
  const payload = toPayload(unpacked.bytes)
  const format = recognise(payload)
  return toDetected(format, format === multipart ? format.examine(payload, TABLE) : examine(payload, format), gzip)
}

/**
 * The format that a user means by its name, or by a media type.
 *
 * @returns `undefined` for what we know nothing of, which is no reason to refuse it
 * @example
 * formatCalled('text/x-shellscript') // { name: 'script', title: 'script' }
 */
export function formatCalled(word: string): Pick<Format, 'name' | 'title' | 'contentType'> | undefined {
  return FORMATS.find(({ name, contentType }) => name === word || contentType === word)
}

const EMPTY = { name: 'empty', title: 'empty' }

// cloudinit/handlers/__init__.py: the longest prefix first, and nothing has to follow it.
const BY_PREFIX = FORMATS.flatMap((format) =>
  format.prefix === undefined ? [] : [[format.prefix, format] as const],
).toSorted(([one], [other]) => other.length - one.length)

const TABLE: Formats = {
  byPrefix({ lead }) {
    const lower = lead.toLowerCase()
    return BY_PREFIX.find(([prefix]) => lower.startsWith(prefix))?.[1]
  },
  byContentType: (contentType) => FORMATS.find((format) => format.contentType === contentType),
}

function recognise(payload: Payload): Format {
  if (multipart.matches?.(payload)) return multipart
  const begins = TABLE.byPrefix(payload)
  if (begins === script && hepixScript.matches?.(payload)) return hepixScript
  return begins ?? FORMATS.find((format) => format.matches?.(payload)) ?? binary
}

/** Data that are no message, yet may mention MIME: then cloud-init stumbles over what is not ASCII in them. */
function examine(payload: Payload, format: Format): Finding {
  const mention = readForItsMention(payload)
  if (!mention) return format.examine(payload, TABLE)
  if ('cloudInit' in mention) return mention
  const { cloudInit, remarks } = format.examine(mention, TABLE)
  return { cloudInit, remarks: ['says "MIME-Version:", so cloud-init changes its characters beyond ASCII', ...remarks] }
}

function toDetected({ name, title }: Pick<Format, 'name' | 'title'>, finding: Finding, gzip: boolean): Detected {
  const parts = finding.parts && finding.parts.length > 0 ? ` of ${listed(finding.parts)}` : ''
  return { name, gzip, title: `${title}${parts}${gzip ? ', gzip' : ''}`, ...finding }
}

const LISTED_MAX = 5

function listed(parts: readonly string[]): string {
  const more = parts.length - LISTED_MAX
  return more > 0 ? `${parts.slice(0, LISTED_MAX).join(', ')} and ${more} more` : parts.join(', ')
}
