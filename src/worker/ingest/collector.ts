import type { ResultsStore } from '../../shared/results/results-store.ts'
import type { IngestApi } from '../../shared/salesforce/ingest.ts'
import type { Ledger } from '../../shared/store/ledger/ledger.ts'
import type { ChunkResult } from '../../shared/store/ledger/record-outcome.ts'
import type { Staging } from '../../shared/store/staging/staging.ts'
import type { ResendReason } from '../../shared/telemetry/metrics/events.ts'

/** What collecting results needs. */
export interface Collector {
  readonly org: string
  readonly api: IngestApi
  readonly ledger: Pick<Ledger, 'numberChunks' | 'stopReasons'>
  readonly staging: Staging
  readonly results: ResultsStore
  /** Requests with the audit option: every deleted id of theirs is written to `deleted.csv`. */
  readonly keepDeleted: ReadonlySet<string>
  /** Delay before the first retry of rows. */
  readonly resendMs: number
}

/** A chunk with its outcome, and the delay and reason if some of its rows are retried. */
export interface CollectedChunk extends ChunkResult {
  readonly resend?: {
    readonly reason: ResendReason
    /** The code of the first row, if rows failed. */
    readonly code?: string | undefined
    readonly delayMs: number
  }
}
