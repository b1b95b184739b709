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

/** A closed set: any other word is a compile error. */
export function oneOf<const Word extends string>(...values: readonly Word[]): Label<Word> {
  return { values, expected: null, isClosed: true, show: (word) => word }
}

/** A closed set of which the code has other words than the page. */
export function spelled<Word extends string>(values: Readonly<Record<Word, string>>): Label<Word> {
  return {
    values: Object.values(values),
    expected: null,
    isClosed: true,
    show: (word) => values[word],
  }
}

/** A closed set for words from outside: what is not in it counts as `other`. */
export function oneOfOr(other: string, values: readonly string[]): Label<string> {
  return {
    values: [...values, other],
    expected: null,
    isClosed: true,
    show: (word) => (values.includes(word) ? word : other),
  }
}

/** An open set: its series appear with their first event, those of `values` before. */
export function open<Word extends string | number = string>(...values: string[]): Label<Word> {
  return { values, expected: null, isClosed: false, show: (word) => word }
}

export const ORG: Label<string> = { ...open(), expected: 'orgs' }

/** Objects that the configuration does not have; callers may write any word there. */
export const OTHER_OBJECT = 'other'

export const OBJECT: Label<string> = {
  ...open(),
  expected: 'objects',
  show: (word, objects) => (objects.has(word) ? word : OTHER_OBJECT),
}

/** For what also happens to objects that the configuration does not have. */
export const OBJECT_OR_OTHER: Label<string> = { ...OBJECT, values: [OTHER_OBJECT] }

/** Failure codes outside the table of those that are known. */
export const OTHER_CODE = 'OTHER'

export const FAILURE_CODE: Label<string> = {
  ...open(OTHER_CODE),
  expected: 'failureCodes',
}
