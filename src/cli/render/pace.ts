/** How far back the rate looks: long enough to be steady, short enough to notice a standstill. */
const WINDOW_MS = 30_000

/** How fast it goes, and for how long it will. */
export class Pace {
  readonly #total: number
  #seen: { readonly done: number; readonly at: number }[] = []

  constructor(total: number) {
    this.#total = total
  }

  /** Takes a count at a moment, in milliseconds; a count never falls. */
  see(done: number, at: number): void {
    this.#seen.push({ done: Math.max(done, this.done), at })
    // The last one before the window stays: the rate is over all of it.
    while (this.#seen.length > 2 && at - (this.#seen[1]?.at ?? at) >= WINDOW_MS) this.#seen.shift()
  }

  get done(): number {
    return this.#seen.at(-1)?.done ?? 0
  }

  /** Records a second; null while there is nothing to tell it from. */
  get rate(): number | null {
    const [first] = this.#seen
    const last = this.#seen.at(-1)
    if (first === undefined || last === undefined || last.at === first.at) return null
    return ((last.done - first.done) / (last.at - first.at)) * 1000
  }

  /** Milliseconds to go; null where nothing moves. */
  get left(): number | null {
    const { rate } = this
    return rate === null || rate === 0 ? null : ((this.#total - this.done) / rate) * 1000
  }
}
