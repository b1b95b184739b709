import { setTimeout as delay } from 'node:timers/promises'
import type { z } from 'zod'
import { field } from './parse.ts'

/** Settings that may change while the sandbox runs, as the control surface accepts them. */
export const settingsChange = field.strict({
  /** Rows processed per second over the whole org. */
  rowsPerSecond: field.count.optional(),
  /** Between UploadComplete and InProgress. */
  queueDelayMs: field.count.optional(),
  /** Gives result files another order than the upload's. */
  shuffleResults: field.flag.optional(),
  /** Compresses result files for clients that accept it. */
  gzipResults: field.flag.optional(),
  /** Whether the integration user has the permission "Bulk API Hard Delete". */
  allowHardDelete: field.flag.optional(),
  /** Refuses unknown fields in JSON bodies; otherwise they are ignored. */
  strictFields: field.flag.optional(),
  /** Remaining daily allowances. */
  remainingApiRequests: field.count.optional(),
  remainingBulkApiBatches: field.count.optional(),
})

export type SettingsChange = z.output<typeof settingsChange>
export type SandboxSettings = {
  readonly [Name in keyof SettingsChange]-?: NonNullable<SettingsChange[Name]>
}

/** The current settings; always read here, because they may change. */
export class Settings implements SandboxSettings {
  queueDelayMs = 20
  shuffleResults = true
  gzipResults = false
  allowHardDelete = false
  strictFields = false
  readonly #rate: Rate
  readonly #quota: Quota

  constructor(rate: Rate, quota: Quota, initial: SettingsChange) {
    this.#rate = rate
    this.#quota = quota
    this.change(initial)
  }

  get rowsPerSecond(): number {
    return this.#rate.rowsPerSecond
  }

  get remainingApiRequests(): number {
    return this.#quota.apiRequests.remaining
  }

  get remainingBulkApiBatches(): number {
    return this.#quota.bulkApiBatches.remaining
  }

  /** Changes the given settings. */
  change(change: SettingsChange): SandboxSettings {
    this.#rate.rowsPerSecond = change.rowsPerSecond ?? this.#rate.rowsPerSecond
    this.queueDelayMs = change.queueDelayMs ?? this.queueDelayMs
    this.shuffleResults = change.shuffleResults ?? this.shuffleResults
    this.gzipResults = change.gzipResults ?? this.gzipResults
    this.allowHardDelete = change.allowHardDelete ?? this.allowHardDelete
    this.strictFields = change.strictFields ?? this.strictFields
    const { apiRequests, bulkApiBatches } = this.#quota
    apiRequests.remaining = change.remainingApiRequests ?? apiRequests.remaining
    bulkApiBatches.remaining = change.remainingBulkApiBatches ?? bulkApiBatches.remaining
    return this.snapshot()
  }

  snapshot(): SandboxSettings {
    return {
      rowsPerSecond: this.rowsPerSecond,
      queueDelayMs: this.queueDelayMs,
      shuffleResults: this.shuffleResults,
      gzipResults: this.gzipResults,
      allowHardDelete: this.allowHardDelete,
      strictFields: this.strictFields,
      remainingApiRequests: this.remainingApiRequests,
      remainingBulkApiBatches: this.remainingBulkApiBatches,
    }
  }
}

/** Maximum time lost to a late timer that may be caught up, so that the average rate is kept. */
const SLACK_MS = 50

/** Shares a rate of rows per second among all jobs of the org, first come first served. */
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

  /** Rows to take at once: about twenty turns a second, and at least Salesforce's 200. */
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

/** The remainder of one daily allowance. */
export class Allowance {
  #max: number
  #used = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Takes one; false if none is left. */
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

  /** Sets the remainder, and raises the maximum if necessary. */
  set remaining(left: number) {
    this.#max = Math.max(this.#max, left)
    this.#used = this.#max - left
  }
}

/** Rows in one internal Salesforce batch, the unit of the daily batch allowance. */
export const ROWS_PER_BATCH = 10_000

export interface Quota {
  /** Every REST call costs one. */
  readonly apiRequests: Allowance
  /** Every {@link ROWS_PER_BATCH} rows of a job, or part of them, cost one. */
  readonly bulkApiBatches: Allowance
}
