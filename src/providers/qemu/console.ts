import { open } from 'node:fs/promises'

/** One reading takes at most this much; the next goes on from there. */
const READ_MAX_BYTES = 1024 * 1024

/** A piece of a console, and the byte at which the next begins. */
interface ConsolePiece {
  readonly text: string
  readonly next: number
}

/**
 * Reads a growing file of UTF-8 from a byte on. A character that is not whole yet is left for the next reading; bytes that
 * are no UTF-8 become U+FFFD. Before there is a file there is nothing to read.
 */
export async function readConsole(path: string, from: number): Promise<ConsolePiece> {
  await using file = await open(path).catch(() => undefined)
  if (!file) return { text: '', next: from }
  const buffer = Buffer.alloc(READ_MAX_BYTES)
  const { bytesRead } = await file.read(buffer, 0, buffer.length, from)
  const whole = bytesRead - unfinishedBytes(buffer.subarray(0, bytesRead))
  return { text: buffer.toString('utf8', 0, whole), next: from + whole }
}

/** How many bytes at the end begin a character of UTF-8 that needs more than are there. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0
  }
  return 0
}
