import type { Static } from 'typebox'
import type { PlanBody } from '../frontends/rest/schemas.ts'
import { printable, sizeText, table } from './output.ts'

/** A plan as the gateway shows it. */
export type ShownPlan = Static<typeof PlanBody>

/** A plan for people: what, where, each way in its order, and what to know. */
export function planText({ provider, userData, deliveries, warnings, tracking, wrapped }: ShownPlan): string {
  const what = userData ? `${userData.format}, ${sizeText(userData.sizeBytes)}, SHA-256 ${userData.sha256}` : 'none'
  const rows = [
    ['provider', provider],
    ['user data', what],
    ...(wrapped ? [['wrapped', wrappedText(wrapped)]] : []),
    ...deliveries.map(({ method, why, evidence }, index) => [
      index === 0 ? 'ways' : '',
      `${method}: ${why}; ${evidence.length === 0 ? 'nothing shows whether it arrived' : `seen by ${evidence.join(', ')}`}`,
    ]),
    ...(tracking === false ? [['tracking', 'off: the guest is told nothing of ours']] : []),
    ...warnings.map(({ message }) => ['note', message]),
  ]
  return table(rows.map((row) => row.map(printable)))
}

/** What the cloud is given in the place of the user's data. */
export function wrappedText({ sizeBytes, sha256 }: NonNullable<ShownPlan['wrapped']>): string {
  return `${sizeText(sizeBytes)}, SHA-256 ${sha256 ?? 'known once it is made'}: the data are one part of it, untouched`
}
