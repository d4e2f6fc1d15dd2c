import type { Payload } from './payload.ts'

/** What cloud-init 22.4 will do with data: take them, ignore them (with a warning in its log at most), or fail with them. */
export type CloudInitVerdict = 'runs' | 'ignores' | 'fails'

/** Which word of cloud-init proves that data were used: that its scripts ran well, or that its last stage ended well. */
export type Proof = 'scripts-user' | 'modules-final'

/** What a format's own rules say of some data. */
export interface Finding {
  readonly cloudInit: CloudInitVerdict
  /** Why, one clause each, for people; never with anything of the data in it. */
  readonly remarks: readonly string[]
  /** Absent where no word of cloud-init's would prove the use. */
  readonly provenBy?: Proof
  /** The formats' names of what it is made of, in order; only where it is a container. */
  readonly parts?: readonly string[]
}

/**
 * One format of user data. To add one: a file here, one line in `./index.ts`, its vectors in `testdata/`.
 *
 * It is known by its `prefix` as cloud-init does, or by `matches`, which is asked where no prefix fits.
 */
export interface Format {
  /** A word that stays as it is: scripts may depend on it. */
  readonly name: string
  /** The name for people. */
  readonly title: string
  /** In lower case, as cloud-init compares it: white space before it does not count, and the longest wins. */
  readonly prefix?: string
  /** What it is called in MIME messages. */
  readonly contentType?: string
  /** Its examination reads YAML, which takes long: containers bound how much of it they have examined. */
  readonly isYaml?: true
  matches?(payload: Payload): boolean
  /** @param formats all of them, for containers */
  examine(payload: Payload, formats: Formats): Finding
}

/** The table, as containers use it to look at what is in them. */
export interface Formats {
  byPrefix(payload: Payload): Format | undefined
  byContentType(contentType: string): Format | undefined
}

/** Data that cloud-init ignores, and why. */
export function ignored(...remarks: readonly string[]): Finding {
  return { cloudInit: 'ignores', remarks }
}

/** Data that make something fail in the guest, and why. */
export function failing(...remarks: readonly string[]): Finding {
  return { cloudInit: 'fails', remarks }
}
