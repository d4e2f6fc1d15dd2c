import { failing, ignored, type Finding, type Format, type Formats } from './format.ts'
import { isObject } from './json.ts'
import { examineParts, type Part } from './parts.ts'
import { foreignRemark, toPayload, type Payload } from './payload.ts'
import { readYaml } from './yaml.ts'

/** Several parts in one YAML list: `- {type: text/x-shellscript, content: …}`. */
export const archive: Format = {
  name: 'cloud-config-archive',
  title: 'archive',
  prefix: '#cloud-config-archive',
  contentType: 'text/cloud-config-archive',
  isYaml: true,
  examine,
}

/** What is no archive's part to cloud-init: only the message that the archive stands in could have it. */
const NOT_UNPACKED: ReadonlySet<string> = new Set(['include', 'include-once', 'cloud-config-archive'])
/** A part without type whose beginning tells none. */
const DEFAULT_TYPE = 'text/cloud-config'

function examine(payload: Payload, formats: Formats): Finding {
  const foreign = foreignRemark(payload)
  if (foreign) return ignored(foreign)
  const read = readYaml(payload.text)
  if ('problem' in read) return ignored(`not YAML as cloud-init reads it: ${read.problem}`)
  if ('unchecked' in read) return { cloudInit: 'runs', remarks: [read.unchecked] }
  if (read.root !== 'list') return ignored('no list at the top')
  const entries: readonly unknown[] = read.items()
  const wrong = entries.findIndex((entry) => isObject(entry) && !isWell(entry))
  if (wrong !== -1)
    return failing(
      `part ${wrong + 1}: "content", "type" and whatever else must be text; cloud-init's first stage fails with it`,
    )
  return examineParts(
    entries.map((entry) => toPart(entry, formats)),
    formats,
  )
}

/** All other keys become headers, and so must be text. */
function isWell(entry: Readonly<Record<string, unknown>>): boolean {
  const { content = '', type = DEFAULT_TYPE, filename: _, 'launch-index': __, ...headers } = entry
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) return false
  return (
    typeof type === 'string' && type.includes('/') && Object.values(headers).every((value) => typeof value === 'string')
  )
}

/** @param entry text, or an object that {@link isWell}; all else is left out by cloud-init */
function toPart(entry: unknown, formats: Formats): Part {
  const { content = '', type, filename, ...more } = isObject(entry) ? entry : { content: entry }
  if (typeof content !== 'string' && !(content instanceof Uint8Array))
    return { format: undefined, payload: toPayload(NOTHING) }
  const payload = toPayload(typeof content === 'string' ? new TextEncoder().encode(content) : content)
  const format =
    typeof type === 'string' && type !== ''
      ? formats.byContentType(type)
      : (formats.byPrefix(payload) ?? formats.byContentType(DEFAULT_TYPE))
  return {
    format: format && !NOT_UNPACKED.has(format.name) ? format : undefined,
    payload,
    ...(typeof filename === 'string' ? { filename } : {}),
    ...(Object.keys(more).length > 0
      ? { doubt: 'has more keys than content, type and filename: it may not be for this instance' }
      : {}),
  }
}

const NOTHING = new Uint8Array()
