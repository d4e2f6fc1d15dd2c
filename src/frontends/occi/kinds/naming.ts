import type { Renaming } from '../../../service/service.ts'
import { ATTRIBUTES, type Attribute } from '../attributes.ts'
import type { CheckedEntity } from '../check.ts'
import { typeId, type Value } from '../representation.ts'
import { idsIn, idsLabel, LABELS } from './labels.ts'

/** An attribute's text, where the client gave one. */
export function textOf({ attributes }: Pick<CheckedEntity, 'attributes'>, attribute: Attribute): string | undefined {
  return attributes.get(attribute.name)?.toString()
}

/** What of a new entity is only kept for its client: its name, and labels. */
export function toNaming(checked: CheckedEntity): { readonly name?: string; readonly labels: Record<string, string> } {
  const [title, summary] = [textOf(checked, ATTRIBUTES.title), textOf(checked, ATTRIBUTES.summary)]
  const tags = tagIds(checked)
  return {
    ...(title === undefined ? {} : { name: title }),
    labels: {
      ...(summary === undefined ? {} : { [LABELS.summary]: summary }),
      ...(tags.length === 0 ? {} : { [LABELS.tags]: tags.join(' ') }),
    },
  }
}

/**
 * What an update changes of that.
 *
 * @param isWhole what the client leaves out is taken away
 */
export function toRenaming(
  checked: CheckedEntity,
  labels: Readonly<Record<string, string>>,
  isWhole: boolean,
): Renaming {
  const title = textOf(checked, ATTRIBUTES.title)
  const summary = textOf(checked, ATTRIBUTES.summary)
  const given = tagIds(checked)
  const tags = isWhole ? given : [...new Set([...idsIn(labels, LABELS.tags), ...given])]
  return {
    ...(title === undefined && !isWhole ? {} : { name: title ?? null }),
    labels: {
      ...(summary === undefined && !isWhole ? {} : { [LABELS.summary]: summary ?? null }),
      ...idsLabel(LABELS.tags, tags),
    },
  }
}

/** Title and summary of an entity, where it has them. */
export function* namingAttributes(
  name: string | undefined,
  labels: Readonly<Record<string, string>>,
): Iterable<[string, Value]> {
  if (name !== undefined) yield [ATTRIBUTES.title.name, name]
  const summary = labels[LABELS.summary]
  if (summary !== undefined) yield [ATTRIBUTES.summary.name, summary]
}

function tagIds({ mixins }: CheckedEntity): readonly string[] {
  return mixins.filter(({ isUsers }) => isUsers).map(typeId)
}
