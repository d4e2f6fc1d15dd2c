import { Buffer } from 'node:buffer'
import { oneAtATime } from '../turns.ts'

/** What of a console was read from `from` on, and where the next reading goes on, in bytes since the first reading. */
interface ConsolePiece {
  readonly text: string
  readonly next: number
}

/**
 * Consoles that are only ever shown whole, and whose beginnings are cut off as they grow: libvirt's driver shows the last
 * 100 KiB. What is new in one is what stands behind the end of what was shown last.
 *
 * Text that came and went between two readings is lost. Where a console says the same again and again, nobody can tell
 * how much was cut: then as little as possible is taken for new. This is kept in memory, for the consoles read last; any
 * other is read from the beginning of what is there.
 */
export interface ConsoleWindows {
  /**
   * @param from where the last reading of this reader ended; 0 for everything that is there
   * @param show gets the console as it is now; empty where it cannot be seen just now
   */
  read(serverId: string, from: number, show: () => Promise<string>): Promise<ConsolePiece>
}

/** So much of a console's end is enough to find it again by, in bytes. */
const ANCHOR_BYTES = 8192
/** What fits by fewer bytes than this (or than there are) fits by chance, and is new. */
const LEAST_BYTES = 16
const MAX_CONSOLES = 512

/** Where the console was when it was shown last. */
interface Seen {
  /** Of the end of what was shown, in bytes since the first reading. */
  readonly end: number
  /** How much of it was shown. */
  readonly length: number
  /** The end of what was shown. */
  readonly anchor: Buffer
}

/** @see Nova, Compute API: Show console output; nova/virt/libvirt/driver.py: MAX_CONSOLE_BYTES */
export function consoleWindows(): ConsoleWindows {
  const seen = new Map<string, Seen>()
  // Of two who read at once, an older answer must not come second.
  const turns = oneAtATime()

  function keep(serverId: string, next: Seen): void {
    seen.delete(serverId)
    seen.set(serverId, next)
    const [oldest] = seen.keys()
    if (seen.size > MAX_CONSOLES && oldest !== undefined) seen.delete(oldest)
  }

  return {
    read: (serverId, from, show) =>
      turns(serverId, async () => {
        const shown = Buffer.from(await show(), 'utf8')
        const before = seen.get(serverId)
        if (shown.byteLength === 0) return { text: '', next: from }
        const start = before ? before.end - knownBytes(before, shown) : 0
        const end = start + shown.byteLength
        // A copy: else a console of any size would be kept.
        const anchor = Buffer.from(shown.subarray(-ANCHOR_BYTES))
        keep(serverId, { end, length: shown.byteLength, anchor })
        // Who counts further than there is counts from another life of ours.
        const skipped = from > end ? 0 : Math.max(0, from - start)
        return { text: shown.toString('utf8', skipped), next: end }
      }),
  }
}

/** How much of what is shown now was shown before: the most that fits. */
function knownBytes({ length, anchor }: Seen, shown: Buffer): number {
  // The whole anchor stands in it, where it stood or further to the front.
  const at = shown.lastIndexOf(anchor, length - anchor.byteLength)
  if (at !== -1) return at + anchor.byteLength
  // The cut went through it: what is left of it stands at the very beginning.
  const most = Math.min(anchor.byteLength - 1, shown.byteLength)
  const least = Math.min(LEAST_BYTES, anchor.byteLength)
  for (let bytes = most; bytes >= least; bytes--)
    if (anchor.compare(shown, 0, bytes, anchor.byteLength - bytes) === 0) return bytes
  return 0
}
