import type { Static } from 'typebox'
import type { PlanBody } from '../frontends/rest/schemas.ts'
import { printable, sizeText, table } from './output.ts'

/** A plan as the gateway shows it. */
export type ShownPlan = Static<typeof PlanBody>

/** A plan for people: what, where, each way in its order, and what to know. */
export function planText({ provider, userData, deliveries, warnings }: ShownPlan): string {
  const what = userData ? `${userData.format}, ${sizeText(userData.sizeBytes)}, SHA-256 ${userData.sha256}` : 'none'
  const rows = [
    ['provider', provider],
    ['user data', what],
    ...deliveries.map(({ method, why, evidence }, index) => [
      index === 0 ? 'ways' : '',
      `${method}: ${why}; ${evidence.length === 0 ? 'nothing shows whether it arrived' : `seen by ${evidence.join(', ')}`}`,
    ]),
    ...warnings.map(({ message }) => ['note', message]),
  ]
  return table(rows.map((row) => row.map(printable)))
}
