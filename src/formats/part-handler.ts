import { failing, ignored, type Finding, type Format } from './format.ts'
import type { Payload } from './payload.ts'

/** Python that teaches cloud-init another format. It may do anything, and its errors are only logged: nothing proves it. */
export const partHandler: Format = {
  name: 'part-handler',
  title: 'part handler',
  prefix: '#part-handler',
  contentType: 'text/part-handler',
  examine,
}

function examine({ foreignByte, text }: Payload): Finding {
  if (foreignByte !== undefined)
    return failing(`byte ${foreignByte + 1} is not UTF-8: cloud-init's first stage fails with it, and no key is set`)
  if (!text.includes('list_types')) return ignored('no list_types in it: cloud-init will refuse it')
  return { cloudInit: 'runs', remarks: ['a part handler: nothing tells whether it succeeds'] }
}
