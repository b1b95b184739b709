/** The label values that can occur, from the configuration and from tables in the code. */
export interface Expected {
  readonly orgs: readonly string[]
  readonly objects: readonly string[]
  readonly failureCodes: readonly string[]
}

/**
 * A label's values. `Word` is what the code passes; {@link show} turns it into the published value.
 */
export interface Label<Word extends string | number = string | number> {
  /** Series with these values start at 0. If the set is closed, these are all values. */
  readonly values: readonly string[]
  /** Further values that start at 0, before {@link values}. */
  readonly expected: keyof Expected | null
  readonly isClosed: boolean
  /**
   * A method, so that labels of different words are of one type.
   *
   * @param objects the names that may be shown
   */
  show(word: Word, objects: ReadonlySet<string>): string | number
}

/** An open set: series of `values` start at 0, others appear with their first event. */
function open<Word extends string | number = string>(...values: string[]): Label<Word> {
  return { values, expected: null, isClosed: false, show: (word) => word }
}

/** A closed set: any other word is a compile error. */
function oneOf<const Word extends string>(...values: Word[]): Label<Word> {
  return { ...open<Word>(...values), isClosed: true }
}

/** A closed set whose published values differ from the words in the code. */
function spelled<Word extends string>(values: Readonly<Record<Word, string>>): Label<Word> {
  const shown: string[] = Object.values(values)
  return { ...open(...shown), isClosed: true, show: (word) => values[word] }
}

/** A closed set for words from outside: any other word counts as `other`. */
function oneOfOr(other: string, values: readonly string[]): Label<string> {
  const show = (word: string) => (values.includes(word) ? word : other)
  return { ...oneOf(...values, other), show }
}

const org: Label<string> = { ...open(), expected: 'orgs' }

/** The kinds of labels. */
export const label = { open, oneOf, oneOfOr, spelled, org }

/** Every combination of the labels' starting values. */
export function seriesOf(
  labels: Readonly<Record<string, Label>>,
  expected: Expected,
): readonly Readonly<Record<string, string>>[] {
  return Object.entries(labels).reduce<readonly Readonly<Record<string, string>>[]>(
    (all, [name, label]) =>
      all.flatMap((series) =>
        startsOf(label, expected).map((value) => ({ ...series, [name]: value })),
      ),
    [{}],
  )
}

function startsOf({ values, expected: list }: Label, expected: Expected): readonly string[] {
  return list === null ? values : [...expected[list], ...values]
}
