import type { Renaming } from './service.ts'

interface Named {
  readonly name?: string
  readonly labels: Readonly<Record<string, string>>
}

/** What is named and labelled, renamed: absent parts of the change stay, `null` takes away. */
export function renamed<T extends Named>(named: T, { name = named.name ?? null, labels = {} }: Renaming): T {
  const { name: _, ...rest } = named
  const all = Object.entries({ ...named.labels, ...labels })
  return {
    ...(rest as T),
    ...(name === null ? {} : { name }),
    labels: Object.fromEntries(all.filter((label): label is [string, string] => label[1] !== null)),
  }
}
