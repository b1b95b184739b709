import { type IdNumber, IdSet } from './ids.ts'
import { DELETED, HIDDEN, type Verdicts } from './verdicts.ts'

/** Which ids came, and what each was told: one compressed set a verdict, so millions stay cheap. */
export class IdLog {
  readonly #verdicts: Verdicts
  readonly #sent = new IdSet()
  readonly #given: IdSet[] = []
  readonly #counts: number[] = []
  /** Ids whose last final verdict no client can have read: until one can, to send them again is right. */
  readonly #excused = new IdSet()
  sentAgain = 0
  deletedTwice = 0
  hidden = 0

  constructor(verdicts: Verdicts) {
    this.#verdicts = verdicts
  }

  /** Notes an arrival; true where the id came again although it had a final verdict. */
  sent(id: IdNumber): boolean {
    if (this.#sent.add(id)) return false
    this.sentAgain++
    if (this.#excused.has(id)) return false
    return this.#given.some((set, verdict) => !this.#verdicts.isTransient(verdict) && set.has(id))
  }

  judged(id: IdNumber, verdict: number): void {
    const code = verdict & ~HIDDEN
    this.count(code)
    const first = this.#setOf(code).add(id)
    if (!first && code === DELETED) this.deletedTwice++
    if ((verdict & HIDDEN) !== 0) {
      this.hidden++
      this.#excused.add(id)
    } else if (!this.#verdicts.isTransient(code)) this.#excused.delete(id)
  }

  count(verdict: number): void {
    this.#counts[verdict] = (this.#counts[verdict] ?? 0) + 1
  }

  excuse(id: IdNumber): void {
    this.#excused.add(id)
  }

  get deleted(): number {
    return this.#counts[DELETED] ?? 0
  }

  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    this.#counts.forEach((count, verdict) => {
      const code = this.#verdicts.code(verdict)
      counts[code] = (counts[code] ?? 0) + count
    })
    return counts
  }

  codesOf(id: IdNumber): string[] {
    return this.#given.flatMap((set, verdict) =>
      set.has(id) ? [this.#verdicts.code(verdict)] : [],
    )
  }

  dispose(): void {
    this.#sent.dispose()
    this.#excused.dispose()
    for (const set of this.#given) set.dispose()
  }

  #setOf(verdict: number): IdSet {
    while (this.#given.length <= verdict) this.#given.push(new IdSet())
    return this.#given[verdict] ?? new IdSet()
  }
}
