/** What is left of one daily allowance. */
export class Allowance {
  #max: number
  #used = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Takes one; false where none is left. */
  take(): boolean {
    if (this.#used >= this.#max) return false
    this.#used++
    return true
  }

  get max(): number {
    return this.#max
  }

  get used(): number {
    return this.#used
  }

  get remaining(): number {
    return this.#max - this.#used
  }

  /** Sets what is left, the maximum growing where it must. */
  set remaining(left: number) {
    this.#max = Math.max(this.#max, left)
    this.#used = this.#max - left
  }
}

/** Rows that Salesforce puts in one internal batch, the unit of the daily batch allowance. */
export const ROWS_PER_BATCH = 10_000

export interface Quota {
  /** Every REST call costs one. */
  readonly apiRequests: Allowance
  /** Every {@link ROWS_PER_BATCH} rows of a job, or part of them, cost one. */
  readonly bulkApiBatches: Allowance
}
