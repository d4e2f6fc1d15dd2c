import { ignored, type Format } from './format.ts'
import type { Payload } from './payload.ts'

/** Sections and keys of whatever program; those of amiconfig's own are a format of theirs. */
export const ini: Format = {
  name: 'ini',
  title: 'INI',
  matches: (payload) => /^\[[^\][\r\n]+\][ \t]*(?:[;#].*)?$/.test(firstLine(payload)),
  examine: () => ignored('only programs that ask for it, such as plugins of amiconfig, read it'),
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
