import { ignored, type Finding, type Format, type Formats } from './format.ts'
import { foreignRemark, toPayload, type Payload } from './payload.ts'

/** A template that the guest fills in. What comes out, and whether something does, we do not know: nothing proves its use. */
export const jinja: Format = {
  name: 'jinja',
  title: 'jinja template',
  prefix: '## template: jinja',
  contentType: 'text/jinja2',
  examine,
}

/** What may come out of a template. */
const RENDERED: ReadonlySet<string> = new Set(['script', 'cloud-config', 'cloud-config-jsonp', 'boothook'])
const FIRST_LINE = /^##\s*template:\s*jinja\s*$/i
const UNPROVEN = 'a template: nothing tells what comes out of it'

function examine(payload: Payload, formats: Formats): Finding {
  const foreign = foreignRemark(payload)
  if (foreign) return ignored(foreign)
  const { text } = payload
  const end = text.includes('\n') ? text.indexOf('\n') : text.length
  if (!FIRST_LINE.test(text.slice(0, end))) return ignored('its first line is not exactly "## template: jinja"')
  const inner = toPayload(new TextEncoder().encode(text.slice(end + 1)))
  // A template may begin with a statement that leaves nothing, such as {% set … %}.
  if (/^\{[{%#]/.test(inner.lead)) return { cloudInit: 'runs', remarks: [UNPROVEN] }
  const format = formats.byPrefix(inner)
  if (!format || !RENDERED.has(format.name))
    return ignored('what comes out of it is of no format that cloud-init takes')
  return { cloudInit: 'runs', remarks: [UNPROVEN], parts: [format.name] }
}
