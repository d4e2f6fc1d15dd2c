/** What `bellhop` ends with. Scripts depend on these: a number once given keeps its meaning. */
export const EXIT = {
  ok: 0,
  /** A bug of ours: nothing else ends with this. */
  bug: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Bad input: a file, a disk, the configuration, user data over a limit. */
  invalid: 3,
  /** Something that is needed is not there: QEMU, an image, a port, a provider. */
  unavailable: 4,
  /** `run`: the time was up before the guest said that it used the data. */
  timeout: 7,
  /** `run`: the guest reported that it failed. */
  guestFailed: 8,
  /** Ended by Ctrl-C, after cleaning up. */
  interrupted: 130,
} as const
