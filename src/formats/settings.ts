import { ignored, type Format } from './format.ts'
import type { Payload } from './payload.ts'

/** Sections and keys, as amiconfig and CernVM read them. */
export const ini: Format = {
  name: 'ini',
  title: 'INI',
  matches: (payload) => /^\[[^\][\r\n]+\][ \t]*(?:[;#].*)?$/.test(firstLine(payload)),
  examine: () => ignored('only images with amiconfig, such as CernVM, read it'),
}

/** Variables of a shell, as OpenNebula's context disk has them. */
export const contextSh: Format = {
  name: 'context-sh',
  title: 'context.sh',
  matches: (payload) => /^[A-Z_][A-Z0-9_]*='/.test(firstLine(payload)),
  examine: () => ignored("only images with OpenNebula's one-context, or that source it, read it"),
}

/** The first line that is neither blank nor a comment. */
function firstLine({ lead }: Payload): string {
  return lead.split(/[\r\n]+/).find((line) => /^[^#;\s]/.test(line)) ?? ''
}
