import { z } from 'zod'
import { ExpungeError } from '../base/errors.ts'

/**
 * The limits of a caller, over all of their requests. They are copied into a request's record when it
 * is accepted, so that a worker enforces them without knowing any key.
 */
export const callerLimitsSchema = z.object({
  /** Records that may be deleted in any hour; null: no limit but the org's. */
  recordsPerHour: z.int().min(1).nullable(),
  /** Records that may be deleted in any 24 hours; null: no limit but the org's. */
  recordsPerDay: z.int().min(1).nullable(),
  /** Absolute paths of folders or files that a `file` source may read; null: any root. */
  files: z.array(z.string()).readonly().nullable(),
  /** Buckets, or folders in them, that an `s3` source may read; absent: any. */
  objects: z.array(z.string()).readonly().optional(),
})
export type CallerLimits = Readonly<z.output<typeof callerLimitsSchema>>

/** The request would exceed the caller's budget. Nothing was accepted. */
export class BudgetExceededError extends ExpungeError {
  readonly code = 'BUDGET_EXCEEDED'
  override readonly retryable = true
  /** When they would fit, if nothing else is submitted; null if they never do. */
  readonly retryAfterSeconds: number | null

  constructor(records: number, limits: CallerLimits, retryAfterSeconds: number | null) {
    const advice =
      retryAfterSeconds === null
        ? 'So many never fit: split the request.'
        : `Submit the request again in ${retryAfterSeconds} s.`
    super(
      `${records} records exceed what is left of the caller's budget (${budgetInWords(limits)}). ` +
        `Nothing was accepted. ${advice}`,
    )
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** `5000 an hour, 20000 a day` */
export function budgetInWords({ recordsPerHour, recordsPerDay }: CallerLimits): string {
  const parts = [
    recordsPerHour === null ? null : `${recordsPerHour} an hour`,
    recordsPerDay === null ? null : `${recordsPerDay} a day`,
  ]
  return parts.filter((part) => part !== null).join(', ')
}
