import { failing, ignored, type Finding, type Format } from './format.ts'
import { foreignRemark, withoutBlanks, type Payload } from './payload.ts'

const PREFIX = '#cloud-boothook'

/** A program that runs early in every boot. cloud-init only logs how it ended: nothing proves its success. */
export const boothook: Format = {
  name: 'boothook',
  title: 'boothook',
  prefix: PREFIX,
  contentType: 'text/cloud-boothook',
  examine,
}

function examine(payload: Payload): Finding {
  const foreign = foreignRemark(payload)
  if (foreign) return ignored(foreign)
  const { text } = payload
  // Cut off only where it is the very beginning, in lower case: else it stays, and is no program.
  const program = withoutBlanks(text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text)
  if (!program.startsWith('#!')) return failing(`no "#!" after "${PREFIX}": the kernel will refuse it`)
  return { cloudInit: 'runs', remarks: ['a boothook: nothing tells whether it succeeds'] }
}
