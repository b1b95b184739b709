import { setTimeout as delay } from 'node:timers/promises'

/** Time that was lost to a late timer and may be made good, so that the rate is kept on average. */
const SLACK_MS = 50

/** Shares a number of rows a second among all jobs of the org, first come first served. */
export class Rate {
  #rowsPerSecond = 0
  #free = 0

  constructor(rowsPerSecond: number) {
    this.rowsPerSecond = rowsPerSecond
  }

  get rowsPerSecond(): number {
    return this.#rowsPerSecond
  }

  set rowsPerSecond(rows: number) {
    if (!(rows > 0)) throw new RangeError(`rowsPerSecond: expected more than 0, got ${rows}`)
    this.#rowsPerSecond = rows
  }

  /** Rows to take at once: about twenty turns a second, from Salesforce's 200 up. */
  get turn(): number {
    return Math.max(200, Math.floor(this.rowsPerSecond / 20))
  }

  /** Resolves when these rows may have been processed. */
  async take(rows: number, signal: AbortSignal): Promise<void> {
    const now = performance.now()
    this.#free = Math.max(this.#free, now - SLACK_MS) + (rows / this.rowsPerSecond) * 1_000
    const wait = this.#free - now
    if (wait > 2) await delay(wait, undefined, { signal })
  }
}
