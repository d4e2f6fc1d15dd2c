/** A name to be fitted into a stricter rule. `extension` begins with its dot, or is empty. */
export interface WantedName {
  readonly stem: string
  readonly extension: string
  /** The rule changes nothing that matters in it: it keeps its form before any other takes it. */
  readonly exact: boolean
}

/** How names of one folder are told apart. */
export interface NumberingRule {
  /** Between stem and number: `~` in `USER-D~1`. */
  readonly mark: string
  stemMaxChars(extension: string): number
  /** Names that are not exact get a number even where the name is free, as Windows does it for 8.3 names. */
  readonly always: boolean
}

/**
 * Gives each of one folder's names a stem of its own within the rule's length: exact ones their own, the others theirs cut
 * short, or with a number where that is taken. Costs a few look-ups a name, however many collide.
 */
export function distinctStems(names: readonly WantedName[], rule: NumberingRule): readonly string[] {
  const taken = new Set<string>()
  for (const { stem, extension, exact } of names) if (exact) taken.add(stem + extension)
  const nextNumbers = new Map<string, number>()
  return names.map(({ stem, extension, exact }) => {
    if (exact) return stem
    const cut = stem.slice(0, rule.stemMaxChars(extension)).toWellFormed()
    const chosen = rule.always || taken.has(cut + extension) ? numbered(cut, extension, rule, taken, nextNumbers) : cut
    taken.add(chosen + extension)
    return chosen
  })
}

function numbered(
  stem: string,
  extension: string,
  rule: NumberingRule,
  taken: ReadonlySet<string>,
  nextNumbers: Map<string, number>,
): string {
  for (let digits = 1; ; digits++) {
    const head = stem.slice(0, rule.stemMaxChars(extension) - rule.mark.length - digits).toWellFormed() + rule.mark
    const counter = `${digits}${head}${extension}`
    const end = 10 ** digits
    for (let number = nextNumbers.get(counter) ?? end / 10; number < end; number++) {
      nextNumbers.set(counter, number + 1)
      if (!taken.has(head + number + extension)) return head + number
    }
  }
}
