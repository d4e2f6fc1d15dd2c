import type { InstanceSpec } from '../../model/instance.ts'
import type { Plan } from '../../model/plan.ts'
import { chooseLayout } from '../layout-choice.ts'
import { methodOf, optionsWith } from './capabilities.ts'

/** StratusLab's two disks: `one` has an OpenNebula's `context.sh`, `cloud-init` a config drive of version 1. */
export type ContextMethod = 'one' | 'cloud-init'

/** How the method is chosen. */
export interface MethodRules {
  /** For all instances, whatever their data. */
  readonly contextMethod?: ContextMethod
  /** Where data do not tell, or there are none. */
  readonly defaultContextMethod: ContextMethod
}

/**
 * Which of the two disks an instance gets; a guest looks at one alone. The plan has decided; where it names not just one, as an earlier
 * Bellhop's does, it is chosen as a plan chooses.
 *
 * @throws {CloudError} as {@link chooseLayout}
 */
export function methodFor(
  {
    spec,
    plan,
  }: { readonly spec: Pick<InstanceSpec, 'userData' | 'userDataFormat' | 'variables'>; readonly plan: Plan },
  rules: MethodRules,
): ContextMethod {
  const planned = plan.deliveries.flatMap(({ layouts }) => layouts)
  const [only] = planned.length === 1 ? planned : [chooseLayout(spec, optionsWith(rules)).option.layout]
  return methodOf(only ?? '') ?? rules.defaultContextMethod
}
