/** One member of an `Accept` or `Content-Type` header. */
interface MediaType {
  /** In lower case, without parameters. */
  readonly type: string
  /** 0 to 1; absent counts as 1, and what is no number as 0. */
  readonly quality: number
}

/**
 * The media types that header values name, in their order.
 *
 * @see RFC 9110 section 12.5.1
 */
export function mediaTypes(values: readonly string[]): readonly MediaType[] {
  return values
    .flatMap((value) => value.split(','))
    .map((part) => {
      const [type = '', ...params] = part.split(';').map((piece) => piece.trim().toLowerCase())
      const quality = Number(params.find((param) => param.startsWith('q='))?.slice(2) ?? '1')
      return { type, quality: Number.isNaN(quality) ? 0 : quality }
    })
    .filter(({ type }) => type !== '')
}

/** The same, best first, without those that are not wanted at all. */
export function wantedTypes(values: readonly string[]): readonly string[] {
  return mediaTypes(values)
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality)
    .map(({ type }) => type)
}
