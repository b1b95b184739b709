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

/** Salesforce counts the last 24 hours in parts of an hour: what was used returns by the hour. */
const WINDOW_PARTS = 24

/** The remainder of one allowance over a sliding window. */
export class Allowance {
  #max: number
  #used = 0
  /** By number of the part of the window, oldest first. */
  readonly #parts = new Map<number, number>()
  readonly #window: { readonly ms: number; readonly now: () => number }

  constructor(max: number, window: { readonly ms: number; readonly now: () => number }) {
    this.#max = max
    this.#window = window
  }

  /** Takes one; false if none is left. */
  take(): boolean {
    if (this.used >= this.#max) return false
    this.#add(1)
    return true
  }

  get max(): number {
    return this.#max
  }

  get used(): number {
    const oldest = this.#part() - WINDOW_PARTS
    for (const [part, used] of this.#parts) {
      if (part >= oldest) break
      this.#parts.delete(part)
      this.#used -= used
    }
    return this.#used
  }

  get remaining(): number {
    return this.#max - this.used
  }

  /** Sets the remainder, as if the rest were used now, and raises the maximum if necessary. */
  set remaining(left: number) {
    this.#max = Math.max(this.#max, left)
    this.#parts.clear()
    this.#used = 0
    this.#add(this.#max - left)
  }

  #add(used: number): void {
    const part = this.#part()
    this.#parts.set(part, (this.#parts.get(part) ?? 0) + used)
    this.#used += used
  }

  #part(): number {
    return Math.floor((this.#window.now() * WINDOW_PARTS) / this.#window.ms)
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
