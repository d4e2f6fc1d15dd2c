import { ignored, type Finding, type Format } from './format.ts'
import { isObject, parseJson } from './json.ts'
import { foreignRemark, withoutBlanks, type Payload } from './payload.ts'

const PREFIX = '#cloud-config-jsonp'

/** A JSON patch (RFC 6902) of the cloud-config before it. Whether it can be applied, nobody says: so nothing proves its use. */
export const jsonPatch: Format = {
  name: 'cloud-config-jsonp',
  title: 'cloud-config as JSON patch',
  prefix: PREFIX,
  contentType: 'text/cloud-config-jsonp',
  examine,
}

function examine(payload: Payload): Finding {
  const foreign = foreignRemark(payload)
  if (foreign) return ignored(foreign)
  const text = withoutBlanks(payload.text)
  // Cut off only as it is written here.
  const patch = parseJson(text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text)
  if (!Array.isArray(patch) || !patch.every((step) => isObject(step) && typeof step['op'] === 'string'))
    return ignored('not a JSON patch (RFC 6902): a list of objects with "op" and "path" is expected')
  return { cloudInit: 'runs', remarks: ['nothing tells whether the patch could be applied'] }
}
