/** The path of a location, which may be a whole URL: whatever host the client knows us by. */
export function toPath(location: string): string {
  return location
    .trim()
    .replace(/^https?:\/\/[^/]*/i, '')
    .replaceAll(/\/{2,}/g, '/')
    .replace(/(?<=.)\/$/, '')
}
