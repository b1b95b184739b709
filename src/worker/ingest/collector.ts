import type { ResultsStore } from '../../shared/results/results.ts'
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
  /** The audit option: every deleted id is written to `deleted.csv`. */
  readonly keepDeleted: boolean
  /** Before rows go again for the first time. */
  readonly resendMs: number
}

/** A chunk that has its outcome, and when and why some of its rows go again. */
export interface CollectedChunk extends ChunkResult {
  readonly resend?: { readonly reason: ResendReason; readonly delayMs: number }
}
