import { ExpungeError } from '../shared/base/errors.ts'
import type { Status } from '../shared/contract/receipt.ts'

/** No request of that id in that org, or none any more. */
export class UnknownRequestError extends ExpungeError {
  readonly code = 'UNKNOWN_REQUEST'
}

/** What the ledger holds of a request does not parse: a newer version wrote it, or it is damaged. */
export class UnreadableRequestError extends ExpungeError {
  readonly code = 'UNREADABLE_REQUEST'
}

/** The request is past the point where this could be done. */
export class NotWaitingError extends ExpungeError {
  readonly code = 'NOT_AWAITING_APPROVAL'
}

/** The plan that waits is not the one that was to be approved. */
export class PlanChangedError extends ExpungeError {
  readonly code = 'PLAN_CHANGED'
}

/** The request has its receipt: nothing of it is left to cancel. */
export class AlreadyOverError extends ExpungeError {
  readonly code = 'ALREADY_OVER'
  /** Null where the record expired this very moment. */
  readonly status: Status | null

  constructor(id: string, status: Status | null) {
    super(`Request ${id} is over (${status ?? 'expired'}): there is nothing left to cancel.`)
    this.status = status
  }
}
