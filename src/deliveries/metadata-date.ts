let dateSecond = 0
let dateText = ''

/** The `Date` header's line, which RFC 9110 6.6.1 wants in every answer; written once a second. */
export function dateLine(now: number): string {
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = `Date: ${new Date(now).toUTCString()}\r\n`
  }
  return dateText
}
