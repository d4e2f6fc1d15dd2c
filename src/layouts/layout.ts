import type { Context } from '../model/context.ts'
import type { Files } from '../model/files.ts'

/** Fetches one file of a source by its path: from a {@link Files} map, a mounted disk or a server. */
export type Getter = (path: string) => Promise<Uint8Array | undefined>

/**
 * One way of writing a {@link Context} down as files. Pure.
 *
 * `read(render(c))` equals `c` on every key in `carries`. To add one: a file here, one line in `./index.ts`, its lines in
 * `test/conformance/layout.test.ts`.
 */
export interface Layout {
  readonly name: string
  /** How a disk with this layout is recognised (`config-2`, `cidata`). */
  readonly volumeLabel?: string
  /** What of a context survives `render` and `read`. */
  readonly carries: readonly (keyof Context)[]
  render(context: Context): Files
  /**
   * The path in `render`'s tree that a guest means by `path`, where several names stand for one (EC2's dates for `latest`);
   * `undefined`: not this layout's.
   */
  canonical?(path: string): string | undefined
  /** What the files say, or `undefined` where they are not of this layout. */
  read(get: Getter): Promise<Partial<Context> | undefined>
}
