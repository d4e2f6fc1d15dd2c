/** What can go wrong, in words that every front end knows how to say. Stable: clients and scripts depend on them. */
export type ErrorCode =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'too-large'
  | 'unsupported'
  | 'unavailable'
  | 'timeout'
  | 'rate-limited'
  | 'provider-failed'

/**
 * The one error class. Anything else that is thrown is a bug of ours.
 *
 * The message is for the person who made the request: it names the field, the value's size or position and the limit,
 * and never holds user data or a secret.
 */
export class CloudError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CloudError'
    this.code = code
  }
}

/** Whether `error` is a {@link CloudError}, with `code` if one is given. */
export function isCloudError(error: unknown, code?: ErrorCode): error is CloudError {
  return error instanceof CloudError && (code === undefined || error.code === code)
}

/** What a person can read of anything thrown: the message, never a stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
