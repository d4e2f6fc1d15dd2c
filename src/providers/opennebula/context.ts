import { isContextShKey } from '../../formats/context-sh.ts'
import { isVariableName, toContextVariables } from '../../layouts/context-sh-variables.ts'
import { CloudError } from '../../model/errors.ts'
import type { InstanceSpec } from '../../model/instance.ts'
import type { OneRecord } from '../one-xml.ts'
import { toContextValues, type ContextValues } from './values.ts'

/** What a guest is to be told beside what its template tells it. */
export interface ContextWishes extends Pick<InstanceSpec, 'userData' | 'hostname' | 'publicKeys' | 'variables'> {
  /** Whether a script among the user data is handed to one-context as its start script, too (default false). */
  readonly isStartScript?: boolean
}

/**
 * The whole CONTEXT of a new VM: OpenNebula takes what it is given in place of the template's, so the template's is merged in
 * here, untouched where nothing else is wished for. Whatever OpenNebula or a guest would spoil is refused.
 *
 * @throws {CloudError} invalid naming a variable that cannot be one; a value that OpenNebula cannot carry
 * @see OpenNebula, Template reference: Context section
 */
export function newContext(template: OneRecord, wishes: ContextWishes): ContextValues {
  const { userData, hostname, publicKeys, variables, isStartScript = false } = wishes
  for (const name of Object.keys(variables)) checkVariableName(name)
  const told = toContextVariables({
    ...(hostname === undefined ? {} : { hostname }),
    publicKeys,
    variables,
  })
  const keys = told.get('SSH_PUBLIC_KEY')
  const own = toContextValues(
    {
      ...Object.fromEntries(told),
      // Where it is there, cloud-init looks at no other.
      ...(keys === undefined || template['SSH_KEY'] === undefined ? {} : { SSH_KEY: keys }),
    },
    (name) => (Object.hasOwn(variables, name) ? `variables: ${name}` : (FIELDS[name] ?? name)),
  )
  // Without this no guest is told its addresses.
  const context = { NETWORK: 'YES', ...template }
  const withData = userData ? replaceUserData(context, userData) : context
  return {
    context: { ...withData, ...(userData && isStartScript ? startScriptOf(userData) : {}), ...own.context },
    references: own.references,
  }
}

/**
 * The whole CONTEXT of a VM that is there, with other user data, or none. Its variables were put in when it was made; what
 * looks like one now is text.
 *
 * @param current as `one.vm.info` shows it
 * @param files what its template says in `FILES_DS`: a VM shows where they were found, which nobody may say
 * @throws {CloudError} invalid where it holds what OpenNebula cannot carry; conflict where its files cannot be named again
 */
export function changedContext(
  current: OneRecord,
  userData: Uint8Array | undefined,
  files: string | undefined,
): ContextValues {
  const { DISK_ID: _disk, TARGET: _target, FILES_DS: found = '', START_SCRIPT_BASE64: script, ...rest } = current
  if (found !== '' && files === undefined)
    throw new CloudError('conflict', 'its template no longer says which files it has (FILES_DS); make another VM')
  const isOurScript = script !== undefined && script === current['USER_DATA']
  const kept = script === undefined || isOurScript ? {} : { START_SCRIPT_BASE64: script }
  // An attribute without text does not exist.
  const plain = Object.entries(withoutUserData(rest)).filter(([, value]) => value !== '')
  const { context, references } = toContextValues({ ...Object.fromEntries(plain), ...kept })
  return {
    context: {
      ...context,
      ...(found !== '' && files !== undefined ? { FILES_DS: files } : {}),
      ...(userData ? userDataKeys(userData) : {}),
      ...(userData && isOurScript ? startScriptOf(userData) : {}),
    },
    references,
  }
}

/** What an error calls the parts that are no variables. */
const FIELDS: Readonly<Record<string, string>> = {
  SET_HOSTNAME: 'hostname',
  SSH_PUBLIC_KEY: 'publicKeys',
  PUBLIC_KEY: 'publicKeys',
  SSH_KEY: 'publicKeys',
}

function replaceUserData(context: OneRecord, userData: Uint8Array): OneRecord {
  return { ...withoutUserData(context), ...userDataKeys(userData) }
}

function withoutUserData({
  USER_DATA: _data,
  USERDATA: _other,
  USER_DATA_ENCODING: _encoding,
  USERDATA_ENCODING: _otherEncoding,
  EC2_USER_DATA: _ec2,
  ...rest
}: OneRecord): OneRecord {
  return rest
}

/** Of nothing nothing is left: OpenNebula keeps no empty value. */
function userDataKeys(userData: Uint8Array): OneRecord {
  if (userData.byteLength === 0) return {}
  return Object.fromEntries(toContextVariables({ userData, publicKeys: [], variables: {} }))
}

function startScriptOf(userData: Uint8Array): OneRecord {
  const isScript = Buffer.from(userData.subarray(0, 2)).toString('latin1') === '#!'
  return isScript ? { START_SCRIPT_BASE64: Buffer.from(userData).toString('base64') } : {}
}

// OpenNebula's text form writes names so, whatever they were.
const UPPER_CASE = /^[A-Z0-9_]+$/
// Of the disk, and of what guests of old ran from it.
const ALSO_TAKEN: ReadonlySet<string> = new Set(['DRIVER', 'INIT_SCRIPTS'])
const NAME_MAX_CHARACTERS = 200

/** @throws {CloudError} invalid naming the variable and why it cannot be called so */
function checkVariableName(name: string): void {
  if (name.length > NAME_MAX_CHARACTERS || !UPPER_CASE.test(name) || !isContextShKey(name))
    throw new CloudError(
      'invalid',
      `variables: "${name.slice(0, 50)}" is no name that OpenNebula brings to a guest; take A-Z 0-9 _, ${NAME_MAX_CHARACTERS} at most, no digit first, such as MY_NAME`,
    )
  if (!isVariableName(name) || ALSO_TAKEN.has(name))
    throw new CloudError(
      'invalid',
      `variables: ${name} is a name of OpenNebula's, its guests' or their shells'; take another, such as MY_NAME (user data, keys and host name have fields of their own)`,
    )
}
