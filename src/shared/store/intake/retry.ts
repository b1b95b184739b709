import { ExpungeError } from '../../base/errors.ts'
import type { Receipt } from '../../contract/receipt.ts'
import { type DeletionRequest, parseRequest } from '../../contract/request.ts'
import type { RequestRecord } from '../ledger/record.ts'

/** The request has no rows that could be retried. */
export class NotRetryableError extends ExpungeError {
  readonly code = 'NOT_RETRYABLE'
}

export interface RetryTerms {
  /** Id of the new request; derived from that of the ended one by default. */
  readonly as?: string | undefined
  /** That of the ended one by default. */
  readonly reason?: string | undefined
}

/**
 * The request that retries rows of an ended one; its source is an upload of those rows. A deadline,
 * and what the plan was expected to be, were meant for the first request alone. All else is kept,
 * such as that active records are refused.
 *
 * @throws NotRetryableError unless the request has ended and has deleted something
 * @throws InvalidRequestError
 */
export function retryRequest(
  { request: ended, receipt, status }: Pick<RequestRecord, 'request' | 'receipt' | 'status'>,
  { as, reason }: RetryTerms,
  now: number,
): { readonly request: DeletionRequest; readonly receipt: Receipt } {
  if (receipt === null || receipt.outcome === null) {
    throw new NotRetryableError(
      `Request ${ended.id} is ${status}: only the rows of a request that has deleted something can be retried.`,
    )
  }
  const request = {
    ...ended,
    id: as ?? nextId(ended.id),
    source: { type: 'upload' },
    reason: reason ?? ended.reason,
    retryOf: ended.id,
    onInvalid: 'refuse',
    dryRun: false,
    deadline: null,
    expectCount: null,
    expectSha256: null,
  }
  return { request: parseRequest(request, now), receipt }
}

const MOST_OF_ID = 115

/** `purge-retry-1` for `purge`, `purge-retry-2` for `purge-retry-1`. */
function nextId(id: string): string {
  const [, first = id, number = '0'] = /^(.*)-retry-(\d{1,6})$/.exec(id) ?? []
  return `${first.slice(0, MOST_OF_ID)}-retry-${Number(number) + 1}`
}
