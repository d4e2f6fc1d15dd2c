import { detect, formatCalled } from '../formats/index.ts'
import { CloudError } from '../model/errors.ts'
import type { InstanceSpec } from '../model/instance.ts'
import type { LayoutOption } from './provider.ts'

/** What decides between layouts. */
export type Deciding = Pick<InstanceSpec, 'userData' | 'userDataFormat' | 'variables'>

/** One layout, and why it is that one, for people. */
export interface ChosenLayout {
  readonly option: LayoutOption
  readonly why: string
}

/**
 * Which of several layouts a guest gets that finds a single one: the one that the data are for, else the first that spoils nothing of
 * what there is. What the user calls his data outranks what they look like.
 *
 * @param options the usual one first @throws {CloudError} unsupported for user data or variables that it would spoil
 */
export function chooseLayout(asked: Deciding, options: readonly [LayoutOption, ...LayoutOption[]]): ChosenLayout {
  const chosen = options.length === 1 ? usual(options[0]) : (ofFormat(asked, options) ?? undecided(asked, options))
  const { title, refuses = {} } = chosen.option
  if (refuses.binary !== undefined && !isText(asked))
    throw new CloudError(
      'unsupported',
      `userData: it is no UTF-8 text, as which ${title} carries it (${asked.userData?.byteLength} bytes): ${refuses.binary}`,
    )
  if (refuses.variables !== undefined && hasVariables(asked))
    throw new CloudError(
      'unsupported',
      `variables: ${title} has no place for them (${chosen.why}): ${refuses.variables}`,
    )
  return chosen
}

function usual(option: LayoutOption): ChosenLayout {
  return { option, why: option.why }
}

function ofFormat(
  { userData, userDataFormat = '' }: Deciding,
  options: readonly LayoutOption[],
): ChosenLayout | undefined {
  const format = userData && (formatCalled(userDataFormat) ?? detect(userData))
  const option = format && options.find(({ formats }) => formats.includes(format.name))
  return option && { option, why: `the user data are ${format.title}` }
}

function undecided(asked: Deciding, options: readonly [LayoutOption, ...LayoutOption[]]): ChosenLayout {
  const [first] = options
  const spoilt = ({ refuses }: LayoutOption): string | undefined => {
    if (refuses?.variables !== undefined && hasVariables(asked)) return 'there are variables'
    return refuses?.binary !== undefined && !isText(asked) ? 'the user data are no text' : undefined
  }
  const why = spoilt(first)
  const option = why === undefined ? undefined : options.find((each) => spoilt(each) === undefined)
  return option && why !== undefined ? { option, why } : usual(first)
}

function hasVariables({ variables }: Deciding): boolean {
  return Object.keys(variables).length > 0
}

function isText({ userData }: Deciding): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(userData)
    return true
  } catch {
    return false
  }
}
