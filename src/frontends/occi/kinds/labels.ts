import { typeId } from '../representation.ts'
import type { Definition } from '../categories.ts'

/** What is kept with an entity so that its client gets back what he sent. */
export const LABELS = {
  /** Type ids of the mixins of ours that came with it. */
  mixins: 'occi.mixins',
  /** Type ids of the mixins that clients made. */
  tags: 'occi.tags',
  summary: 'occi.summary',
  hostname: 'occi.hostname',
  encoding: 'occi.userdata.encoding',
  mediaType: 'occi.userdata.media_type',
} as const

type Labels = Readonly<Record<string, string>>

/** Type ids under a label. */
export function idsIn(labels: Labels, label: string): readonly string[] {
  return labels[label]?.split(' ').filter((id) => id !== '') ?? []
}

/** The label that holds these ids; `null` where there are none. */
export function idsLabel(label: string, ids: readonly string[]): Record<string, string | null> {
  return { [label]: ids.length === 0 ? null : ids.join(' ') }
}

/** The mixins on an entity that clients made, as far as they are still there. */
export function tagsOf(labels: Labels, usersMixins: readonly Definition[]): readonly Definition[] {
  const ids = idsIn(labels, LABELS.tags)
  return ids.length === 0 ? [] : usersMixins.filter((mixin) => ids.includes(typeId(mixin)))
}
