import { CloudError } from '../../../model/errors.ts'
import type { InstanceSpec } from '../../../model/instance.ts'
import type { Properties } from '../document.ts'

/** The members of the user data, a JSON dictionary, are to be variables too. */
const AS_VARIABLES = 'bellhop.userDataVariables'
/** Switched off: the guest is told nothing of ours, and reports nothing. */
const TRACKING = 'bellhop.tracking'
/** Where nothing of ours can stand beside the user data, both are to become parts of one message. */
const WRAP = 'bellhop.wrap'

const OURS: ReadonlySet<string> = new Set([AS_VARIABLES, TRACKING, WRAP])

/** What a user says of what may be in his guest beside his data. */
type Switches = Pick<InstanceSpec, 'tracking' | 'wrap'>

/**
 * What the properties of a machine say to us, and those that they say to its guest.
 *
 * @throws {CloudError} invalid when one of ours is neither "true" nor "false"
 */
export function toSwitches(properties: Properties): {
  readonly switches: Switches
  readonly hasVariables: boolean
  readonly told: Readonly<Record<string, string>>
} {
  return {
    switches: {
      ...(isOn(properties, TRACKING) === false ? { tracking: false } : {}),
      ...(isOn(properties, WRAP) === true ? { wrap: true } : {}),
    },
    hasVariables: isOn(properties, AS_VARIABLES) === true,
    told: Object.fromEntries([...properties].filter(([name]) => !OURS.has(name))),
  }
}

/** The properties that say so. */
export function fromSwitches({ tracking, wrap }: Switches): readonly (readonly [name: string, value: string])[] {
  return [
    ...(tracking === false ? [[TRACKING, 'false'] as const] : []),
    ...(wrap === true ? [[WRAP, 'true'] as const] : []),
  ]
}

function isOn(properties: Properties, name: string): boolean | undefined {
  const said = properties.get(name)
  if (said === undefined) return undefined
  if (said !== 'true' && said !== 'false')
    throw new CloudError('invalid', `properties: ${name} is neither "true" nor "false"`)
  return said === 'true'
}
