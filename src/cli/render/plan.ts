import { visible } from '../../shared/base/visible.ts'
import type { Plan } from '../../shared/contract/receipt.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import { unitOf } from '../../shared/contract/sources/lists.ts'
import { batchesOf } from '../../shared/store/quota.ts'
import type { PlanCost } from '../../shared/store/quota-state.ts'
import { UsageError } from '../cli.ts'
import type { Style } from '../styled-text.ts'
import { columns, count, counted } from './format.ts'

/**
 * The plan as a table, with its share of the org's batches.
 *
 * @param cost null if nobody has to decide on it any more
 */
export function planTable(
  plan: Plan,
  { source }: Pick<StoredRequest, 'source'>,
  cost: PlanCost | null,
  style: Style,
): string {
  const odd = (value: number) => (value === 0 ? count(value) : style('yellow', count(value)))
  const rows: readonly (readonly [string, string, string])[] = [
    [unitOf(source) === 'id' ? 'Ids read' : 'Rows read', count(plan.read), ''],
    ['Accepted', style('bold', count(plan.accepted)), ''],
    ['Invalid', odd(plan.invalid), plan.invalid === 0 ? '' : 'listed in invalid.csv'],
    ['Duplicate', count(plan.duplicate), plan.duplicate === 0 ? '' : 'sent once'],
    ...(plan.excluded === undefined
      ? []
      : [['Excluded', count(plan.excluded), 'listed in except'] as const]),
    ['Unchecked', odd(plan.unchecked), plan.unchecked === 0 ? '' : '15 characters, no checksum'],
    ['Ingest jobs', count(plan.chunks), ''],
    ['Batches', count(batchesOf(plan)), cost === null ? '' : costWords(cost)],
  ]
  return columns(rows, { align: ['left', 'right', 'left'] })
}

/** What a plan takes of the org's daily batches, such as `of 14,900 left today`. */
export function costWords({ batches, left, free, days }: PlanCost): string {
  if (left === null || free === null) return 'daily allowance unknown'
  const of = `of ${count(left)} left today`
  if (batches <= free) return of
  const now = free === left ? of : `${of}, ${count(free)} without the reserve`
  return days === null
    ? `${now}; the rest waits until other users of the org use less`
    : `${now}; the rest waits: takes at least ${counted(days, 'day')}`
}

/**
 * The question whose confirmation starts the deletion.
 *
 * @param where the org, such as `PRODUCTION org Acme (00D…)`
 */
export function question(plan: Plan, request: StoredRequest, where: string): string {
  const { object, operation } = request
  const records = `${count(plan.accepted)} ${visible(object)} ${plan.accepted === 1 ? 'record' : 'records'}`
  const how = operation === 'hardDelete' ? 'permanently, bypassing the Recycle Bin, ' : ''
  const unchecked =
    plan.unchecked === 0
      ? ''
      : ` ${counted(plan.unchecked, 'id')} ${plan.unchecked === 1 ? 'has' : 'have'} 15 characters and no checksum: if something ` +
        'changed the case of their letters, the wrong records are deleted.'
  return `Delete ${records} ${how}in ${where}?${unchecked}`
}

/** How the user was asked, or was not. */
interface Consent {
  readonly yes?: true
  readonly acceptUnchecked?: true
}

/**
 * An unconfirmed plan may hold ids without checksum; `--yes` alone does not accept those.
 *
 * @throws UsageError
 */
export function assertChecked({ unchecked }: Plan, { yes, acceptUnchecked }: Consent): void {
  if (!yes || acceptUnchecked || unchecked === 0) return
  throw new UsageError(
    `${counted(unchecked, 'id')} in the plan ${unchecked === 1 ? 'has' : 'have'} 15 characters and no checksum, which --yes does not ` +
      'accept. Add --accept-unchecked, or omit --yes to confirm on the terminal. The request waits.',
  )
}
