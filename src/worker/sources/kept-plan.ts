import { SourceError } from '../../shared/base/errors.ts'
import type { TakenPlan } from '../../shared/store/ledger/record.ts'
import { StagingError } from '../../shared/store/staging/staging.ts'
import { toCsv } from '../ids/delete-csv.ts'
import type { SourceReading } from './source.ts'

/**
 * The staged ids of a dry run, in the order of its plan, as a CSV. The planner compares their digest
 * with the plan.
 *
 * @throws SourceError SOURCE_NOT_FOUND if they are damaged
 */
export async function* openKeptPlan(
  { request, lot, lists }: TakenPlan,
  { store: { staging }, signal }: Pick<SourceReading, 'store' | 'signal'>,
): AsyncGenerator<Uint8Array> {
  const ids = async function* () {
    for (let list = 0; list < lists; list++) yield* staging.read({ request, lot }, list)
  }
  try {
    for await (const block of toCsv(ids())) {
      signal.throwIfAborted()
      yield block
    }
  } catch (error) {
    if (!(error instanceof StagingError)) throw error
    throw new SourceError(
      'SOURCE_NOT_FOUND',
      `The plan of request ${request} is damaged. Make the plan again.`,
      { cause: error },
    )
  }
}
