import type { Fault, Parameter } from './xmlrpc.ts'

/** A call's parameters after the session, read one after another as the front end does. */
export interface Arguments {
  /** @throws {FaultError} -501 when there is none, or one of another type */
  int(): number
  string(): string
  boolean(): boolean
  /** As above; the default where there are no more parameters. */
  optionalInt(absent: number): number
  optionalString(absent: string): string
  optionalBoolean(absent: boolean): boolean
  /** @throws {FaultError} -501 when there are more */
  end(): void
}

/** An error that is answered with a fault. */
export interface FaultError extends Error {
  readonly fault: Fault
}

/** An error to throw for a fault. */
export function faultError(code: Fault['code'], message: string): FaultError {
  return Object.assign(new Error(message), { fault: { code, message } })
}

/** Whether an error is to be answered with a fault. */
export function isFaultError(error: unknown): error is FaultError {
  return error instanceof Error && 'fault' in error
}

/** Reads from the first on. */
export function argumentsOf(parameters: readonly Parameter[]): Arguments {
  let at = 0
  const next = (): Parameter => {
    const parameter = parameters[at]
    if (parameter === undefined) throw faultError(-501, 'Not enough parameters')
    at += 1
    return parameter
  }
  const int = (): number => {
    const parameter = next()
    if (parameter.type !== 'int') throw faultError(-501, 'Parameter that is supposed to be integer is not')
    return parameter.value
  }
  const string = (): string => {
    const parameter = next()
    if (parameter.type !== 'string') throw faultError(-501, 'Parameter that is supposed to be a string is not')
    return parameter.value
  }
  const boolean = (): boolean => {
    const parameter = next()
    if (parameter.type !== 'boolean') throw faultError(-501, 'Parameter that is supposed to be boolean is not')
    return parameter.value
  }
  const more = (): boolean => at < parameters.length
  return {
    int,
    string,
    boolean,
    optionalInt: (absent) => (more() ? int() : absent),
    optionalString: (absent) => (more() ? string() : absent),
    optionalBoolean: (absent) => (more() ? boolean() : absent),
    end: () => {
      if (more()) throw faultError(-501, 'Too many parameters')
    },
  }
}
