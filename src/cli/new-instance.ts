import { Option, type Command } from 'commander'
import type { Static } from 'typebox'
import type { NewInstanceBody } from '../frontends/rest/new-instance.ts'
import { CloudError } from '../model/errors.ts'
import { many, type ApiOptions } from './api-command.ts'
import { checkHostname, readInput, readPublicKeys } from './input.ts'

/** What `create` and `plan` are told. */
export interface NewInstanceOptions extends ApiOptions {
  readonly name?: string
  readonly hostname?: string
  readonly provider?: string
  readonly image?: string
  readonly size?: string
  readonly userData?: string
  readonly format?: string
  readonly variablesFromUserData?: boolean
  readonly variable?: readonly string[]
  readonly file?: readonly string[]
  readonly sshKey?: string
  readonly by?: 'metadata' | 'disk' | 'injection'
  /** `false` with `--no-tracking`. */
  readonly tracking?: boolean
  readonly wrap?: boolean
}

/** Gives a command the options that describe a new instance. */
export function withNewInstance(command: Command): Command {
  return command
    .option('--user-data <file>', 'the data for the guest; - is standard input')
    .option('--format <name>', 'what the data are (script, cloud-config …); outranks what they look like')
    .option('--variables-from-user-data', 'the data are a JSON dictionary: its members are variables too')
    .option('--name <name>', 'what it is called')
    .option('--hostname <name>', 'the guest’s name (default: made of the name)')
    .option('--image <image>', 'what it starts from (default: the first)')
    .option('--size <size>', 'how large it is (default: the first)')
    .option('--provider <name>', 'where (default: as the image says)')
    .option('--ssh-key <file>', 'public keys for the guest (.pub or authorized_keys)')
    .addOption(new Option('--variable <name=value>', 'a variable for the guest; may be repeated').argParser(many))
    .addOption(
      new Option('--file <source:path[:mode[:owner[:group]]]>', 'a file for the guest; may be repeated').argParser(
        many,
      ),
    )
    .addOption(
      new Option('--by <way>', 'one way only (default: as the plan decides)').choices([
        'metadata',
        'disk',
        'injection',
      ]),
    )
    .option('--wrap', 'where nothing of ours can stand beside the data, make both parts of one message')
    .option('--no-tracking', 'tell the guest nothing of ours: it then reports nothing')
}

/** What such options ask a gateway for. @throws {CloudError} invalid when a file cannot be read, or a value is none */
export async function toNewInstance(options: NewInstanceOptions): Promise<Static<typeof NewInstanceBody>> {
  const { name, hostname, provider, image, size, format, by, tracking, wrap } = options
  checkHostname(hostname)
  const userData = options.userData === undefined ? undefined : await readInput(options.userData, '--user-data')
  const variables = (options.variable ?? []).map(toVariable)
  const files = await Promise.all((options.file ?? []).map(toFile))
  return {
    ...(name === undefined ? {} : { name }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(provider === undefined ? {} : { provider }),
    ...(image === undefined ? {} : { image }),
    ...(size === undefined ? {} : { size }),
    ...(format === undefined ? {} : { format }),
    ...(by === undefined ? {} : { by }),
    ...(tracking === false ? { tracking } : {}),
    ...(wrap ? { wrap } : {}),
    ...(userData === undefined ? {} : { userData: base64(userData) }),
    ...(options.variablesFromUserData ? { variablesFromUserData: true } : {}),
    ...(options.sshKey === undefined
      ? {}
      : { publicKeys: (await readPublicKeys(options.sshKey)).map(({ text }) => text) }),
    ...(variables.length === 0 ? {} : { variables: Object.fromEntries(variables) }),
    ...(files.length === 0 ? {} : { files }),
  }
}

function toVariable(text: string): readonly [name: string, value: string] {
  const equals = text.indexOf('=')
  // It may be a secret whose name was left out.
  if (equals < 1) throw new CloudError('invalid', '--variable: one is not like NAME=VALUE')
  return [text.slice(0, equals), text.slice(equals + 1)]
}

async function toFile(text: string): Promise<NonNullable<Static<typeof NewInstanceBody>['files']>[number]> {
  const [, source, path, mode, owner, group] =
    /^(.+?):(\/[^:]+)(?::(0?[0-7]{3})(?::([^:]+)(?::([^:]+))?)?)?$/.exec(text) ?? []
  if (source === undefined || path === undefined)
    throw new CloudError('invalid', `--file: "${text}" is not like motd:/etc/motd or key:/etc/key:0600:web:web`)
  return {
    path,
    content: base64(await readInput(source, '--file')),
    ...(mode === undefined ? {} : { mode }),
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
