import { demand, type ObjectKind } from './access.ts'
import type { Arguments } from './arguments.ts'
import type { Cloud } from './cloud.ts'
import { refusal, type Owned, type Right, type User, type Vm } from './model.ts'
import type { Template } from './template.ts'
import { parseTemplate } from './template-parse.ts'

/** Answers a call of an account that is known. @throws {Refusal} and {FaultError} */
export type Method = (cloud: Cloud, user: User, given: Arguments) => string | number

/**
 * An object that exists and may be used so.
 *
 * @throws {Refusal} 1024, 512
 */
export function objectAt<T extends Owned>(
  shelf: readonly T[],
  id: number,
  what: string,
  user: User,
  right: Right,
  kind: ObjectKind,
): T {
  const found = shelf.find((one) => one.id === id)
  if (found === undefined) throw refusal(1024, `Error getting ${what} [${id}].`, id)
  demand(user, right, kind, found)
  return found
}

/** @throws {Refusal} 8192 when it is no template */
export function templateFrom({ profile }: Cloud, source: string): Template {
  const parsed = parseTemplate(source, profile.syntax)
  if ('error' in parsed) throw refusal(8192, `Parse error: ${parsed.error}`)
  return parsed.template
}

/**
 * A VM that may be used so, and is not locked.
 *
 * @throws {Refusal} 1024, 512
 */
export function vmAt({ vms }: Cloud, id: number, user: User, right: Right): Vm {
  const vm = objectAt(vms, id, 'virtual machine', user, right, 'VM')
  if (vm.locked && right !== 'USE') throw refusal(512, `User [${user.id}] : VM is locked. [${id}].`)
  return vm
}
