import { backoff } from '../../shared/base/backoff.ts'
import type { ChunkRef } from '../../shared/store/ledger/record.ts'
import type { JobFailure } from './job-error.ts'

/** Whether rows get another ingest job, when, and in which size: pure. */

/** Jobs that carry an id at most, those left out that were no fault of the rows. */
export const MOST_ATTEMPTS = 5

/** Whether the rows of this chunk may go once more. */
export function mayGoAgain({ attempt, excused = 0 }: ChunkRef): boolean {
  return attempt - excused < MOST_ATTEMPTS
}

/** Into how many parts a job falls that failed by locks or time. */
const PIECES = 4
/** A batch of Salesforce: what it locks at once does not shrink much below its 200-row steps. */
const SMALLEST_PIECE = 200

/** Ids that a chunk may have which carries rows of a failed job again. */
export function pieceSize(failure: JobFailure | null, count: number): number {
  return failure === 'lock' || failure === 'timeout'
    ? Math.max(SMALLEST_PIECE, Math.ceil(count / PIECES))
    : Math.max(1, count)
}

const LONGEST_DELAY_MS = 10 * 60_000

/**
 * How long rows wait before they go again: four times as long after each attempt, up to ten
 * minutes, ± 20 % so that pieces of one job do not meet at the same locks again.
 *
 * @param attempts that the rows have spent
 */
export function resendDelay(attempts: number, firstMs: number, random?: number): number {
  const delay = backoff({ first: firstMs, factor: 4, cap: LONGEST_DELAY_MS, jitter: [0.8, 1.2] })
  return Math.round(delay(attempts, random))
}
