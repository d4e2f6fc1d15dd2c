import { Buffer } from 'node:buffer'
import { isContextShKey } from '../formats/context-sh.ts'
import type { Context, PublicKey } from '../model/context.ts'
import { CloudError } from '../model/errors.ts'
import { decodeBase64 } from '../wire/base64.ts'
import { fromEthVariables } from './context-sh-network.ts'
import { given } from './given.ts'

/** As what the context itself is written: by us, OpenNebula's clients, its EC2 server, HEPiX and StratusLab. */
const CONTEXT_NAMES = `
  USER_DATA USERDATA USER_DATA_ENCODING USERDATA_ENCODING EC2_USER_DATA CONTEXT_METHOD DSMODE SCRIPT_EXEC
  SSH_PUBLIC_KEY SSH_KEY PUBLIC_KEY ROOT_PUBKEY EC2_PUBLIC_KEY EC2_KEYNAME SET_HOSTNAME HOSTNAME PUBLIC_IP IP_PUBLIC
`

/** Passwords and tokens are secrets, which no one is to be shown as a variable. */
const OPENNEBULA_NAMES = `
  DISK_ID TARGET DEV_PREFIX FILES FILES_DS NETWORK VMID TOKEN ONEGATE_ENDPOINT ONEGATE_TOKEN
  PASSWORD PASSWORD_BASE64 CRYPTED_PASSWORD CRYPTED_PASSWORD_BASE64
`

/** Shells own these, or look for programs and files by them: sourced, they would be lost or end the guest's reading. */
const SHELL_NAMES = `
  _ PATH IFS ENV HOME PWD OLDPWD UID EUID PPID GROUPS SHELL SHELLOPTS SHLVL BASH BASHOPTS BASHPID RANDOM SRANDOM SECONDS
  LINENO EPOCHSECONDS EPOCHREALTIME HISTCMD DIRSTACK FUNCNAME FUNCNEST PIPESTATUS OPTIND OPTARG OPTERR POSIXLY_CORRECT
  CDPATH GLOBIGNORE EXECIGNORE TMOUT PS1 PS2 PS4 PROMPT_COMMAND LANG LANGUAGE PYTHONPATH PYTHONHOME
`

const RESERVED: ReadonlySet<string> = new Set(
  [CONTEXT_NAMES, OPENNEBULA_NAMES, SHELL_NAMES].flatMap((names) => names.trim().split(/\s+/)),
)

const RESERVED_PREFIX = /^(?:(?:ETH|PCI|DISK)\d+|BASH|LD|LC|COMP|CLOUD_INIT|CLOUDINIT)_/

const BASE64 = 'base64'

/** Those of {@link toContextVariables} that say that user data are base64: each of their readers looks for another one. */
const ENCODINGS = ['USER_DATA_ENCODING', 'USERDATA_ENCODING'] as const

/** Whether a variable of the user's may have this name where variables are a shell's, as in OpenNebula's contexts. */
export function isVariableName(name: string): boolean {
  return isContextShKey(name) && !RESERVED.has(name) && !RESERVED_PREFIX.test(name)
}

/**
 * What OpenNebula's guests read of a context, without its network, by the names that all of them know: cloud-init, one-context,
 * HEPiX images and uCernVM. User data are base64 in one line, for GNU's `base64` stops at a blank.
 *
 * @throws {CloudError} invalid when a variable of the user's has a name that cannot be one here, or is taken
 */
export function toContextVariables({
  hostname,
  userData,
  publicKeys,
  variables,
}: Pick<Context, 'hostname' | 'userData' | 'publicKeys' | 'variables'>): Map<string, string> {
  const all = new Map<string, string>()
  for (const [name, value] of Object.entries(variables)) all.set(checked(name), value)
  if (hostname !== undefined) all.set('SET_HOSTNAME', hostname)
  if (publicKeys.length > 0) {
    const keys = publicKeys.map(({ text }) => text).join('\n')
    all.set('SSH_PUBLIC_KEY', keys).set('PUBLIC_KEY', keys)
  }
  if (userData) {
    const base64 = Buffer.from(userData.buffer, userData.byteOffset, userData.byteLength).toString(BASE64)
    all.set('USER_DATA', base64).set('EC2_USER_DATA', base64)
    for (const name of ENCODINGS) all.set(name, BASE64)
  }
  return all
}

/**
 * What such variables, ours or OpenNebula's, say: of several names for one thing the one that cloud-init prefers.
 *
 * @throws {CloudError} invalid when user data are said to be base64 and are not
 */
export function fromContextVariables(all: ReadonlyMap<string, string>): Partial<Context> {
  return {
    ...given({
      hostname: all.get('SET_HOSTNAME') || all.get('HOSTNAME') || undefined,
      userData: toUserData(all),
      network: fromEthVariables(all),
    }),
    publicKeys: toPublicKeys(
      all.get('SSH_KEY') ?? all.get('SSH_PUBLIC_KEY') ?? all.get('PUBLIC_KEY') ?? all.get('EC2_PUBLIC_KEY'),
    ),
    variables: Object.fromEntries([...all].filter(([name]) => isVariableName(name))),
  }
}

/** The keys of a text with one a line; they have no names in it. */
export function toPublicKeys(text: string = ''): readonly PublicKey[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').map((line, index) => ({ name: `key-${index}`, text: line }))
}

function toUserData(all: ReadonlyMap<string, string>): Uint8Array | undefined {
  for (const name of ['USER_DATA', 'USERDATA']) {
    const value = all.get(name)
    if (value === undefined) continue
    const isBase64 = ENCODINGS.some((encoding) => all.get(encoding) === BASE64)
    return isBase64 ? decodeBase64(value, `context.sh: ${name}`) : Buffer.from(value, 'utf8')
  }
  const ec2 = all.get('EC2_USER_DATA')
  return ec2 === undefined ? undefined : decodeBase64(ec2, 'context.sh: EC2_USER_DATA')
}

function checked(name: string): string {
  if (isVariableName(name)) return name
  const shown = JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name)
  const why = isContextShKey(name)
    ? "is a name of OpenNebula's, of its guests' or of their shells'; choose another, such as MY_NAME"
    : 'is no name for a shell, as which guests read it; letters, digits and _ are, such as MY_NAME'
  throw new CloudError('invalid', `variables: ${shown} ${why}`)
}
