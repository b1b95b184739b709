import { RefusedError } from '../../shared/base/errors.ts'
import type { Plan } from '../../shared/contract/receipt.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import type { RefusedRow } from './refused-row.ts'

/** What reading the source found besides the plan's counts. */
interface Findings {
  /** The first row that is no id, where there is one. */
  readonly firstRefused: RefusedRow | undefined
  /** Why the case of the unchecked ids' letters cannot be trusted; null where it can. */
  readonly caseDamage: RefusedError | null
}

/**
 * What stands against applying a plan whose source was read to its end; null where nothing does.
 * Damage comes first: no option lifts it.
 */
export function objectionTo(
  plan: Plan,
  { onInvalid, onUnchecked }: Pick<StoredRequest, 'onInvalid' | 'onUnchecked'>,
  { firstRefused, caseDamage }: Findings,
): RefusedError | null {
  if (caseDamage !== null) return caseDamage
  if (firstRefused !== undefined) {
    if (onInvalid === 'refuse') return invalidRows(plan.invalid, firstRefused)
    if (plan.accepted === 0) return nothingAccepted(plan.invalid, firstRefused)
  }
  return plan.unchecked > 0 && onUnchecked === 'refuse' ? uncheckedIds(plan) : null
}

function invalidRows(count: number, first: RefusedRow): RefusedError {
  return new RefusedError(
    'INVALID_ROWS',
    `${count} ${count === 1 ? 'row is no id' : 'rows are no ids'} that may be deleted; the first is ${show(first)}. ` +
      'Nothing was deleted. See invalid.csv; correct the source, or go on without them by onInvalid "skip" (--on-invalid skip).',
  )
}

/** Rows may be skipped, but a source of nothing else is the wrong file or the wrong column. */
function nothingAccepted(count: number, first: RefusedRow): RefusedError {
  return new RefusedError(
    'NOTHING_ACCEPTED',
    `The source holds no id that may be deleted, and ${count} other ${count === 1 ? 'row' : 'rows'}; the first is ${show(first)}. ` +
      'Nothing was deleted. See invalid.csv, and check the object, the column and the file.',
  )
}

function uncheckedIds({ accepted, unchecked }: Plan): RefusedError {
  return new RefusedError(
    'UNCHECKED_IDS',
    `${unchecked} of ${accepted} ids ${unchecked === 1 ? 'has' : 'have'} 15 characters and carry no checksum: if something changed ` +
      'the case of their letters, they name other records. Nothing was deleted. Export ids of 18 characters ' +
      '(the formula CASESAFEID(Id), a report by API), or accept them by onUnchecked "accept" (--accept-unchecked).',
  )
}

function show({ line, value, reason, detail }: RefusedRow): string {
  return `line ${line}: ${value} (${reason}: ${detail})`
}
