import { detect, formatCalled } from '../../formats/index.ts'
import { CloudError } from '../../model/errors.ts'
import type { InstanceSpec } from '../../model/instance.ts'

/** StratusLab's two disks: `one` has an OpenNebula's `context.sh`, `cloud-init` a config drive of version 1. */
export type ContextMethod = 'one' | 'cloud-init'

/** How the method is chosen. */
export interface MethodRules {
  /** For all instances, whatever their data. */
  readonly contextMethod?: ContextMethod
  /** Where data do not tell, or there are none. */
  readonly defaultContextMethod: ContextMethod
}

/** For programs that read the variables of `context.sh`. */
const FOR_ONE: ReadonlySet<string> = new Set(['hepix', 'context-sh', 'ini'])
/** No program of those that read either disk knows them. */
const FOR_ANY: ReadonlySet<string> = new Set(['text', 'binary', 'empty', 'powershell', 'batch'])

/**
 * Which of the two disks an instance gets; a guest looks at one alone. What the user calls his data outranks what they look like.
 *
 * @throws {CloudError} unsupported for data or variables that the disk cannot carry
 */
export function methodFor(
  { userData, userDataFormat, variables }: Pick<InstanceSpec, 'userData' | 'userDataFormat' | 'variables'>,
  { contextMethod, defaultContextMethod }: MethodRules,
): ContextMethod {
  const format = userData && (formatCalled(userDataFormat ?? '')?.name ?? detect(userData).name)
  const ofFormat = format === undefined || FOR_ANY.has(format) ? undefined : FOR_ONE.has(format) ? 'one' : 'cloud-init'
  const hasVariables = Object.keys(variables).length > 0
  const isText = userData === undefined || isUtf8(userData)
  // Whatever is no text, and is for nobody, has one disk that can carry it; so have variables.
  const undecided = !isText || hasVariables ? 'one' : defaultContextMethod
  const method = contextMethod ?? ofFormat ?? undecided
  if (method === 'one') return method
  if (!isText)
    throw new CloudError(
      'unsupported',
      `userData: it is no UTF-8 text, as which StratusLab's method cloud-init carries it (${userData.byteLength} bytes): send it unpacked, as text; or have the site set contextMethod = "one"`,
    )
  if (hasVariables)
    throw new CloudError(
      'unsupported',
      "variables: StratusLab's method cloud-init, which such user data need, has no place for them; put them into the user data",
    )
  return method
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}
