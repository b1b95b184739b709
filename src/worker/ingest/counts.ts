import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { IngestOrder } from '../../shared/store/ledger/record.ts'

/** What a job says of its rows. */
export interface Counts {
  /** Failed ones included. */
  readonly processed: number
  readonly failed: number
}

/**
 * The counters of a job that was sent so many rows; null where one is missing or they cannot be its
 * own: then its result files tell, row by row.
 */
export function countsOf(job: IngestJobInfo, sent: number): Counts | null {
  const { numberRecordsProcessed: processed, numberRecordsFailed: failed } = job
  if (processed === null || failed === null) return null
  return failed <= processed && processed <= sent ? { processed, failed } : null
}

/** True where a job is complete and has processed all that it was sent. */
export function isWhole(job: IngestJobInfo, counts: Counts | null, sent: number): boolean {
  return job.state === 'JobComplete' && counts?.processed === sent
}

/** Rows that an ingest job is sent. */
export function idsOf(order: IngestOrder): number {
  return order.chunks.reduce((sum, { count }) => sum + count, 0)
}
