import { CodeTable, codeKey } from '../../shared/salesforce/code-table.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'

/** What an ingest job says of itself: its counters, and why it has failed. */

/** What a job says of its rows. */
interface Counts {
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

/**
 * Why an ingest job ended `Failed`, from its `errorMessage` (AsyncExceptionCode; Bulk API 2.0,
 * Errors). Null where it is not said to have failed.
 *
 * - `lock`, `timeout`: its batches were tried again and again; smaller jobs lock less, for shorter.
 * - `quota`: the org's daily allowance is used up, which is no fault of the rows.
 * - `input`: Salesforce does not read what was sent; the same bytes would fail again.
 * - `other`: an error of Salesforce, or one that nobody knows; the rows go again.
 */
export type JobFailure = 'lock' | 'timeout' | 'quota' | 'input' | 'other'

const JOB_FAILURES = new CodeTable<JobFailure>({
  TooManyLockFailure: 'lock',
  Timeout: 'timeout',
  ExceededQuota: 'quota',
  ClientInputError: 'input',
  InvalidBatch: 'input',
  FeatureNotEnabled: 'input',
  InvalidJob: 'input',
  InvalidOperation: 'input',
  InternalServerError: 'other',
})

/**
 * By the word before the first colon, however it is spelt; else by words within the text. Within it
 * no word counts that would end the rows: the text of an unknown error may well quote one.
 */
export function jobFailureOf(errorMessage: string | null): JobFailure | null {
  if (errorMessage === null) return null
  const [lead = ''] = errorMessage.split(':')
  return JOB_FAILURES.get(lead) ?? failureWithin(codeKey(errorMessage))
}

function failureWithin(key: string): JobFailure {
  if (key.includes('TOOMANYLOCKFAILURE') || key.includes('UNABLETOLOCKROW')) return 'lock'
  if (key.includes('EXCEEDEDQUOTA')) return 'quota'
  return key.includes('TIMEOUT') || key.includes('TIMEDOUT') ? 'timeout' : 'other'
}
