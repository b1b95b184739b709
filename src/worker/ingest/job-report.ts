import { CodeTable, codeKey } from '../../shared/salesforce/code-table.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'

/** What an ingest job reports: its counters, and why it failed. */

/** The job's row counters. */
interface Counts {
  /** Including failed rows. */
  readonly processed: number
  readonly failed: number
}

/**
 * The counters of a job that was sent this many rows. Null if one is missing or they are
 * impossible; then its result files decide, row by row.
 */
export function countsOf(job: IngestJobInfo, sent: number): Counts | null {
  const { numberRecordsProcessed: processed, numberRecordsFailed: failed } = job
  if (processed === null || failed === null) return null
  return failed <= processed && processed <= sent ? { processed, failed } : null
}

/** True if a job is complete and processed everything that was sent. */
export function isWhole(job: IngestJobInfo, counts: Counts | null, sent: number): boolean {
  return job.state === 'JobComplete' && counts?.processed === sent
}

/**
 * Why an ingest job ended `Failed`, from its `errorMessage` (AsyncExceptionCode; Bulk API 2.0,
 * Errors). Null if it reports no failure.
 *
 * - `lock`, `timeout`: Salesforce retried its batches repeatedly; smaller jobs lock fewer rows for
 *   less time.
 * - `quota`: the org's daily allowance is used up, which the rows did not cause.
 * - `input`: Salesforce cannot read what was sent; the same bytes would fail again.
 * - `other`: an internal Salesforce error or an unknown one; the rows are retried.
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
 * Matches the word before the first colon, in any spelling, else words within the text. Within the
 * text, words that would end the rows do not count, because an unknown error may quote one.
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

/**
 * True if the job was aborted before anything was processed: by us, before a crash or a lost
 * answer, or by someone else before we closed it. Another job may replace it.
 */
export function neverRan(job: IngestJobInfo): boolean {
  return job.state === 'Aborted' && job.numberRecordsProcessed === 0
}

/** Null if Salesforce no longer knows the job. */
export async function found(call: Promise<IngestJobInfo>): Promise<IngestJobInfo | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return null
    throw error
  }
}
