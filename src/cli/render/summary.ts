import { visible } from '../../shared/base/visible.ts'
import type { FailureCounts, Receipt } from '../../shared/contract/receipt.ts'
import type { Paint } from '../paint.ts'
import { bytes, count, counted, duration } from './numbers.ts'
import { STATUS_COLOUR } from './status.ts'
import { columns } from './table.ts'

/** What a receipt does not say: how this process fared. */
export interface RunFigures {
  /** From the start of the command, milliseconds. */
  readonly totalMs: number
  /** Verdicts that came while this process looked on, and how long it did; null where none did. */
  readonly deleting: { readonly records: number; readonly ms: number } | null
  /** Of this process, in bytes. */
  readonly peakMemory: number
}

/** A receipt for people; `figures` where this process did the work. */
export function summary(receipt: Receipt, figures: RunFigures | null, paint: Paint): string {
  const { status, outcome, error } = receipt
  const head = paint(
    STATUS_COLOUR[status],
    paint('bold', `${status[0]?.toUpperCase()}${status.slice(1)}`),
  )
  const why = error === null ? '' : ` ${visible(error.message)}`
  const rows = [...(outcome === null ? [] : outcomeRows(receipt, outcome, paint))]
  const codes = topFailures(receipt.failures)
  if (codes !== '') rows.push(['Failure codes', '', codes])
  if (receipt.ingestJobs.length > 0) rows.push(['Ingest jobs', jobCount(receipt), jobIds(receipt)])
  if (figures !== null) rows.push(...figureRows(figures))
  const title = `${head}: request ${receipt.id}.${why}`
  if (rows.length === 0) return title
  return `${title}\n${columns(rows, { align: ['left', 'right', 'left'] })}`
}

type Row = readonly [what: string, number: string, words: string]

function outcomeRows(
  { object }: Receipt,
  outcome: NonNullable<Receipt['outcome']>,
  paint: Paint,
): Row[] {
  const bad = (value: number) => (value === 0 ? count(value) : paint('red', count(value)))
  return [
    ['Deleted', paint('bold', count(outcome.deleted)), object],
    ['Already gone', count(outcome.alreadyGone), ''],
    ['Failed', bad(outcome.failed), ''],
    ['Unprocessed', bad(outcome.unprocessed), ''],
  ]
}

const SHOWN_CODES = 5

/** `DELETE_FAILED 800, UNABLE_TO_LOCK_ROW 3 and 2 more codes`, the most frequent first. */
export function topFailures(failures: FailureCounts): string {
  const codes = Object.entries(failures).sort(([, a], [, b]) => b - a)
  const shown = codes.slice(0, SHOWN_CODES).map(([code, times]) => `${code} ${count(times)}`)
  const more = codes.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${counted(more, 'more code')}` : shown.join(', ')
}

const SHOWN_JOBS = 3

function jobIds({ ingestJobs }: Receipt): string {
  const ids = [...new Set(ingestJobs.map(({ id }) => id))]
  const more = ids.length - SHOWN_JOBS
  return `${ids.slice(0, SHOWN_JOBS).join(', ')}${more > 0 ? `, and ${count(more)} more` : ''}`
}

function jobCount({ ingestJobs }: Receipt): string {
  return count(new Set(ingestJobs.map(({ id }) => id)).size)
}

function figureRows({ totalMs, deleting, peakMemory }: RunFigures): Row[] {
  const rate =
    deleting === null || deleting.ms === 0
      ? ''
      : `deleting at ${count(deleting.records / (deleting.ms / 1000))} ids/s`
  return [
    ['Time', duration(totalMs), rate],
    ['Peak memory', bytes(peakMemory), ''],
  ]
}
