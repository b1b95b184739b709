import { visible } from '../../shared/base/visible.ts'
import type { Plan } from '../../shared/contract/receipt.ts'
import type { StoredRequest } from '../../shared/contract/request.ts'
import { unitOf } from '../../shared/contract/sources/lists.ts'
import type { OrgLimits } from '../../shared/salesforce/org.ts'
import { UsageError } from '../cli.ts'
import type { Style } from '../screen.ts'
import { columns, count, counted } from './format.ts'

/** Rows in one of Salesforce's batches (Bulk API 2.0, Bulk API Limits). */
const BATCH_ROWS = 10_000

/** Batches that a plan takes from the daily allowance: a partial batch counts as one. */
function batchesOf({ accepted, chunks }: Plan): number {
  return Math.ceil(accepted / BATCH_ROWS) + Math.max(0, chunks - 1)
}

/**
 * The plan as a table, with its share of the org's allowances.
 *
 * @param limits null if they could not be read, undefined if they were not requested
 */
export function planTable(
  plan: Plan,
  { source }: Pick<StoredRequest, 'source'>,
  limits: OrgLimits | null | undefined,
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
    ['Batches', count(batchesOf(plan)), limits === undefined ? '' : allowance(plan, limits)],
  ]
  return columns(rows, { align: ['left', 'right', 'left'] })
}

function allowance(plan: Plan, limits: OrgLimits | null): string {
  const limit = limits?.DailyBulkApiBatches ?? null
  if (limit === null) return 'daily allowance unknown'
  const left = `of ${count(limit.remaining)} left today`
  return batchesOf(plan) <= limit.remaining ? left : `${left}; the rest waits until tomorrow`
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
