import { Fields } from './fields.ts'
import type { Quota } from './quota.ts'
import type { Rate } from './rate.ts'

/** What may change while the sandbox runs. */
export interface SandboxSettings {
  /** Rows processed a second over the whole org. */
  readonly rowsPerSecond: number
  /** Between UploadComplete and InProgress. */
  readonly queueDelayMs: number
  /** Result files in another order than the upload's. */
  readonly shuffleResults: boolean
  /** Result files compressed for clients that accept it. */
  readonly gzipResults: boolean
  /** Whether the integration user has the permission "Bulk API Hard Delete". */
  readonly allowHardDelete: boolean
  /** Unknown fields in JSON bodies are refused; otherwise they are ignored. */
  readonly strictFields: boolean
  /** What is left of today's allowances. */
  readonly remainingApiRequests: number
  readonly remainingBulkApiBatches: number
}

export type SettingsChange = {
  readonly [Name in keyof SandboxSettings]?: SandboxSettings[Name] | undefined
}

/** The settings in force; everybody who needs one reads it here, each time anew. */
export class Settings implements SandboxSettings {
  queueDelayMs = 20
  shuffleResults = true
  gzipResults = false
  allowHardDelete = false
  strictFields = false
  readonly #rate: Rate
  readonly #quota: Quota

  constructor(rate: Rate, quota: Quota) {
    this.#rate = rate
    this.#quota = quota
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

  /** Changes those that are given. */
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

/** Settings as they come over the control surface: those that are given. */
export function parseSettings(value: unknown): SettingsChange {
  const fields = new Fields(value, 'settings', [
    'rowsPerSecond',
    'queueDelayMs',
    'shuffleResults',
    'gzipResults',
    'allowHardDelete',
    'strictFields',
    'remainingApiRequests',
    'remainingBulkApiBatches',
  ])
  return {
    rowsPerSecond: fields.number('rowsPerSecond'),
    queueDelayMs: fields.number('queueDelayMs'),
    shuffleResults: fields.boolean('shuffleResults'),
    gzipResults: fields.boolean('gzipResults'),
    allowHardDelete: fields.boolean('allowHardDelete'),
    strictFields: fields.boolean('strictFields'),
    remainingApiRequests: fields.number('remainingApiRequests'),
    remainingBulkApiBatches: fields.number('remainingBulkApiBatches'),
  }
}
