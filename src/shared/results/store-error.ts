import { ExpungeError, messageOf } from '../base/errors.ts'

/** The results directory cannot be used now: not there, full, not writable, or another store. */
export class ResultsStoreError extends ExpungeError {
  readonly code = 'RESULTS_STORE_UNUSABLE'
  override readonly retryable = true
}

/** Names the path in the error: where a write or a close fails, Node does not. */
export async function onPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ResultsStoreError) throw error
    throw new ResultsStoreError(`Cannot write results to ${path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
