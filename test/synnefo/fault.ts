/** A refusal as Synnefo words it. */
interface Fault {
  readonly code: number
  readonly name: string
  readonly message: string
}

/** What a request comes to. */
export interface Reply {
  readonly status: number
  readonly body?: unknown
  /** In place of a body of JSON. */
  readonly text?: string
}

/** What ends a request. */
export interface Refusal extends Error {
  readonly fault: Fault
}

export function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && 'fault' in error
}

/** An error that is answered as it stands. */
export function refusal(code: number, name: string, message: string): Refusal {
  const fault: Fault = { code, name, message }
  return Object.assign(new Error(message), { fault })
}

export const badRequest = (message: string): Refusal => refusal(400, 'badRequest', message)
export const notFound = (message: string): Refusal => refusal(404, 'itemNotFound', message)
export const overLimit = (message: string): Refusal => refusal(413, 'overLimit', message)
export const conflict = (message: string): Refusal => refusal(409, 'conflict', message)
export const buildInProgress = (message: string): Refusal => refusal(409, 'buildInProgress', message)

/** Whatever a handler did not think of. */
export const unexpected = (): Refusal => refusal(500, 'internalServerError', 'Unexpected error')

/** A value of JSON as a message repeats it. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
