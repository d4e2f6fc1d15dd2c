import { CloudError } from '../../model/errors.ts'
import { bodyText } from '../body.ts'
import type { Codec } from './representation.ts'

/**
 * One URL a line.
 *
 * @see GFD.229 section 8
 */
export const uriList: Codec = {
  contentType: 'text/uri-list',
  listsOnly: true,
  parse: ({ body }) => {
    const lines = bodyText(body).split(/[\r\n]+/)
    // RFC 2483 section 5: a line with "#" is a comment.
    const locations = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
    return [{ categories: [], links: [], attributes: new Map(), locations }]
  },
  render: (answer) => {
    if (answer.shows !== 'collection')
      throw new CloudError('invalid', 'text/uri-list can show nothing but lists of locations')
    // rOCCI cuts at LF alone and would keep a CR.
    return { headers: [], body: answer.urls.join('\n') }
  },
}
