import type { Definition } from '../categories.ts'
import { typeId, type Link } from '../representation.ts'
import { pathOf } from './references.ts'

/** What can be done with an entity now. */
export function actionLinks(kind: Definition, id: string, actions: readonly Definition[]): readonly Link[] {
  return actions.map((action) => ({
    target: `${pathOf(kind, id)}?action=${action.term}`,
    rel: typeId(action),
    categories: [],
    attributes: new Map(),
  }))
}
