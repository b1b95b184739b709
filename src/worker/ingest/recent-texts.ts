/** Number of texts remembered: the rows of a job fail for a handful of reasons. */
const REMEMBERED = 8

interface Known<T> {
  readonly text: string
  readonly value: T
}

/** What the last few texts say, so that a text that repeats is read once. */
export class RecentTexts<T> {
  readonly #read: (text: string) => T
  readonly #known: Known<T>[] = []
  #oldest = 0

  constructor(read: (text: string) => T) {
    this.#read = read
  }

  /** Undefined if the text is not one of the last few. */
  find(text: string): Known<T> | undefined {
    for (const known of this.#known) if (known.text === text) return known
    return undefined
  }

  add(text: string): Known<T> {
    const known = { text, value: this.#read(text) }
    this.#known[this.#oldest] = known
    this.#oldest = (this.#oldest + 1) % REMEMBERED
    return known
  }
}
