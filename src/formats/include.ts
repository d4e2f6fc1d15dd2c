import { failing, ignored, type Finding, type Format } from './format.ts'
import { withoutBlanks, type Payload } from './payload.ts'

/** Addresses of what the guest is to fetch and use. What it gets there we do not know: nothing proves its use. */
export const include: Format = {
  name: 'include',
  title: 'include',
  prefix: '#include',
  contentType: 'text/x-include-url',
  examine,
}

/** The same, with a copy kept in the guest, so that it is fetched once. */
export const includeOnce: Format = {
  name: 'include-once',
  title: 'include, once',
  prefix: '#include-once',
  contentType: 'text/x-include-once-url',
  examine,
}

/** What ends a line to Python. */
const LINE_ENDS = /\r\n|[\n-\r\x1c-\x1e\x85\u2028\u2029]/
const ADDRESS = /^(?:(?:https?|ftp|file):\/\/|\/)/i

function examine({ text }: Payload): Finding {
  const addresses = text.split(LINE_ENDS).flatMap(addressIn)
  if (addresses.length === 0) return ignored('no address in it')
  const others = addresses.filter((address) => !ADDRESS.test(address)).length
  if (others > 0)
    return failing(
      `${others} of its ${addresses.length} lines are no address: cloud-init's first stage fails with them`,
    )
  return {
    cloudInit: 'runs',
    remarks: ['the guest fetches it itself, and starts without keys and scripts where it cannot'],
  }
}

/** White space before "#" makes the line an address, and one that leads nowhere. */
function addressIn(line: string): readonly string[] {
  const rest = /^#include(?:-once)?/i.test(line) ? withoutBlanks(line.replace(/^#include(?:-once)?/i, '')) : line
  const address = withoutBlanks(rest)
  return address === '' || rest.startsWith('#') ? [] : [address]
}
