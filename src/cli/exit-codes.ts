import type { ErrorCode } from '../model/errors.ts'

/** What `bellhop` ends with. Scripts depend on these: a number once given keeps its meaning. */
export const EXIT = {
  ok: 0,
  /** A bug of ours: nothing else ends with this. */
  bug: 1,
  /** The command line is wrong. */
  usage: 2,
  /** There is no such instance, or webhook. */
  notFound: 3,
  /** The credential is missing, unknown, or not enough. */
  denied: 4,
  /** Bad input: a file, a disk, the configuration, user data over a limit, or what a provider cannot do. */
  invalid: 5,
  /** A provider, the gateway, or something that is needed (QEMU, an image, a port) failed or is not there. */
  providerFailed: 6,
  /** The time was up before the guest had, or used, the data. */
  timeout: 7,
  /** The guest reported that it failed. */
  guestFailed: 8,
  /** It is in a state that does not allow this. */
  conflict: 9,
  /** Ended by Ctrl-C, after cleaning up. */
  interrupted: 130,
} as const

/** What each error ends with. */
export const EXIT_OF = {
  'not-found': EXIT.notFound,
  unauthenticated: EXIT.denied,
  forbidden: EXIT.denied,
  invalid: EXIT.invalid,
  'too-large': EXIT.invalid,
  unsupported: EXIT.invalid,
  unavailable: EXIT.providerFailed,
  timeout: EXIT.providerFailed,
  'rate-limited': EXIT.providerFailed,
  'provider-failed': EXIT.providerFailed,
  conflict: EXIT.conflict,
} as const satisfies Record<ErrorCode, number>
