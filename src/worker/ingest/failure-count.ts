import type { Judgement } from './judge.ts'

/** Failures since the job was last further than ever before, or answered as it should. */
export class FailureCount {
  #furthest: number
  #failures = 0
  #unexpected = 0
  #foreignSince: number | null = null
  #foreignMs = 0
  #since: number | null = null

  constructor(rank: number) {
    this.#furthest = rank
  }

  /**
   * Counts a failure; returns how many there have been.
   *
   * @param turn the moment of it, as peers count
   */
  add(judgement: Judgement, now: number, turn: number): number {
    const { kind } = judgement
    this.#since ??= turn
    if (kind === 'unexpected' || kind === 'hopeless') this.#unexpected++
    if (kind === 'org-fault' && judgement.isForeign) {
      this.#foreignSince ??= now
      this.#foreignMs = now - this.#foreignSince
    }
    return ++this.#failures
  }

  /** Answers about the job that the API's description does not allow for. */
  get unexpected(): number {
    return this.#unexpected
  }

  /** For how long answers have come that are none of the API's. */
  get foreignMs(): number {
    return this.#foreignMs
  }

  /** The moment of the first failure, as peers count; null where there has been none. */
  get since(): number | null {
    return this.#since
  }

  /** Whether that is further than ever before; then counting begins anew. */
  reached(rank: number): boolean {
    if (rank <= this.#furthest) return false
    this.#furthest = rank
    this.reset()
    return true
  }

  reset(): void {
    this.#failures = 0
    this.#unexpected = 0
    this.#foreignSince = null
    this.#foreignMs = 0
    this.#since = null
  }
}
