/** What a process may come to count, from its configuration and from the code's own tables. */
export interface Expected {
  readonly orgs: readonly string[]
  readonly objects: readonly string[]
  readonly failureCodes: readonly string[]
}

/** A label's values. `Word` is what the code passes; {@link show} makes it the value on the page. */
export interface Label<Word extends string | number = string | number> {
  /** Series with these values start at 0. All values, where the set is closed. */
  readonly values: readonly string[]
  /** What else starts at 0, before {@link values}. */
  readonly expected: keyof Expected | null
  readonly isClosed: boolean
  /** @param objects the names that may be shown */
  show(word: Word, objects: ReadonlySet<string>): string | number
}

/** An open set: its series appear with their first event, those of `values` before. */
export function open<Word extends string | number = string>(...values: string[]): Label<Word> {
  return { values, expected: null, isClosed: false, show: (word) => word }
}

/** A closed set: any other word is a compile error. */
export function oneOf<const Word extends string>(...values: Word[]): Label<Word> {
  return { ...open<Word>(...values), isClosed: true }
}

/** A closed set of which the code has other words than the page. */
export function spelled<Word extends string>(values: Readonly<Record<Word, string>>): Label<Word> {
  const shown: string[] = Object.values(values)
  return { ...open(...shown), isClosed: true, show: (word) => values[word] }
}

/** A closed set for words from outside: what is not in it counts as `other`. */
export function oneOfOr(other: string, values: readonly string[]): Label<string> {
  const show = (word: string) => (values.includes(word) ? word : other)
  return { ...oneOf(...values, other), show }
}

export const ORG: Label<string> = { ...open(), expected: 'orgs' }
