import { SalesforceError } from '../shared/salesforce/errors.ts'
import { counted, duration } from './render/format.ts'

/** Counts the attempts of a command that does not wait for a host to come back. */
export function countAttempts() {
  const startedAt = Date.now()
  let failures = 0
  let call = ''
  const words = () =>
    `${counted(Math.max(failures, 1), 'attempt')} in ${duration(Date.now() - startedAt)}`
  return {
    /** A connection to Redis failed, or was refused. */
    failed: () => {
      failures++
    },
    /** A call to Salesforce ended, with any answer. */
    called: ({ operation }: Pick<SalesforceError, 'operation'>) => {
      failures = operation === call ? failures + 1 : 1
      call = operation
    },
    /** `4 attempts in 2.1 s`. A server that accepts a connection and never answers reports no failure. */
    words,
    /** What follows the message of a failed call; empty if the org answered, as a retry would not help. */
    afterCall: (error: unknown): string => {
      const isAway =
        error instanceof SalesforceError && (error.transient || error.httpStatus === null)
      return isAway ? ` Gave up after ${words()}.` : ''
    },
  }
}
