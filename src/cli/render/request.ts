import type { Plan, Receipt, SignedAct } from '../../shared/contract/receipt.ts'
import { wordsFor } from '../../shared/contract/sources/lists.ts'
import type { Status } from '../../shared/contract/status.ts'
import { doneOf } from '../../shared/store/progress.ts'
import type { RequestView } from '../../shared/store/request-view.ts'
import { commandFor } from '../command-line.ts'
import type { Style } from '../styled-text.ts'
import { activityRow } from './activity.ts'
import {
  columns,
  count,
  counted,
  duration,
  jobNames,
  labelWords,
  moment,
  percent,
} from './format.ts'
import { costWords } from './plan.ts'
import { receiptErrorWords } from './remedy.ts'

/** Facts about an unfinished request that its record lacks. */
interface Standing {
  /** Why nothing happens to it, one sentence each. */
  readonly waiting?: readonly string[]
  /** Ids of its ingest jobs that Salesforce has. */
  readonly atWork?: readonly string[]
  /** The folder of its results so far. */
  readonly results?: string | null
}

/** One request, with all that is known about it. */
export function requestTable(
  view: RequestView,
  style: Style,
  { waiting = [], atWork = [], results = null }: Standing = {},
): string {
  const { request, plan, receipt } = view
  const labels = labelWords(request.labels)
  const outcome = receipt?.outcome ?? view.progress?.outcome ?? null
  const rows: (readonly [string, string] | null)[] = [
    ['Request', style('bold', view.id)],
    ['Status', style(STATUS_COLOUR[view.status], view.status) + progressOf(view)],
    ...waiting.map((sentence) => ['Waiting', style('yellow', sentence)] as const),
    ['Org', view.org + (receipt?.orgId ? ` (${receipt.orgId})` : '')],
    ['What', `${request.operation} ${request.object}, source ${wordsFor(request.source)}`],
    ['Submitted', view.submittedAt + (view.submittedBy === null ? '' : ` by ${view.submittedBy}`)],
    request.retryOf === null ? null : ['Retry of', request.retryOf],
    view.appliesPlanOf === null ? null : ['Plan of', view.appliesPlanOf],
    view.approvedBy && ['Approved', actWords(view.approvedBy)],
    view.cancelledBy && ['Cancelled', actWords(view.cancelledBy)],
    view.prioritizedBy && ['Priority', `${request.priority} since ${actWords(view.prioritizedBy)}`],
    receipt && ['Finished', receipt.finishedAt],
    request.reason === null ? null : ['Reason', request.reason],
    labels === '' ? null : ['Labels', labels],
    plan && [
      'Plan',
      `${count(plan.read)} read: ${count(plan.accepted)} accepted, ${count(plan.invalid)} invalid, ` +
        `${count(plan.duplicate)} duplicate, ${excludedOf(plan)}${count(plan.unchecked)} unchecked`,
    ],
    activityRow(view),
    view.cost && ['Batches', `${count(view.cost.batches)} ${costWords(view.cost)}`],
    view.keptPlan && ['Plan kept', keptWords(view)],
    outcome && [
      'Outcome',
      `${count(outcome.deleted)} deleted, ${count(outcome.alreadyGone)} already gone, ` +
        `${count(outcome.failed)} failed, ${count(outcome.unprocessed)} unprocessed`,
    ],
    ...retryRows(view.progress?.retries ?? []),
    view.progress?.expectedEnd ? ['Expected end', endWords(view.progress.expectedEnd)] : null,
    atWork.length === 0 ? null : ['At work', jobNames(atWork)],
    results === null ? null : ['Results', results],
    receipt && Object.keys(receipt.failures).length > 0
      ? ['Failure codes', topFailures(receipt.failures)]
      : null,
    receipt?.error ? ['Why', `${receiptErrorWords(receipt.error)} (${receipt.error.code})`] : null,
    ...(receipt?.ingestJobs ?? [])
      .slice(0, SHOWN_JOBS)
      .map(
        (job, at) =>
          [
            at === 0 ? 'Ingest jobs' : '',
            `${job.id} ${job.state}, ${count(job.records)} records, attempt ${job.attempt}`,
          ] as const,
      ),
    more(receipt?.ingestJobs.length ?? 0),
  ]
  return columns(rows.filter((row) => row !== null))
}

function keptWords({ id, org, keptPlan }: RequestView): string {
  if (keptPlan === null) return ''
  const { until, appliedAs } = keptPlan
  return appliedAs === null
    ? `until ${until}. To apply it: ${commandFor(`apply ${id}`, { org })}`
    : `applied as request ${appliedAs}`
}

const HOUR_MS = 3_600_000

/** `Apply this plan within 24 h: expunge apply leads-2026-11`; empty if it is not kept. */
export function applyLine({ id, org, keptPlan }: RequestView, now: number): string {
  if (keptPlan === null || keptPlan.appliedAs !== null) return ''
  const left = Math.max(0, Date.parse(keptPlan.until) - now)
  const hours = Math.round(left / HOUR_MS)
  return `Apply this plan within ${hours > 1 ? `${hours} h` : duration(left)}: ${commandFor(`apply ${id}`, { org })}`
}

/**
 * `To retry the 91 rows not deleted: expunge retry purge`; empty if there are none.
 *
 * @param results the directory, if the receipt is not in the usual one
 */
export function retryLine({ id, org, status, outcome }: Receipt, results?: string): string {
  if (status !== 'incomplete' || outcome === null) return ''
  const rows = counted(outcome.failed + outcome.unprocessed, 'row')
  return `To retry the ${rows} not deleted: ${commandFor(`retry ${id}`, { org, results })}`
}

/** Reasons that are no row code, because the ingest job as a whole is repeated. */
const RETRY_WORDS: Readonly<Record<string, string>> = {
  lock: 'ingest job failed by locks',
  timeout: 'ingest job timed out',
  quota: 'daily bulk batches used up',
  other: 'ingest job failed',
  aborted: 'ingest job aborted',
  missing: 'no result for them',
  vanished: 'ingest job not found',
  unreadable: 'results not readable',
  crashed: 'shared ingest job that workers crashed at',
}

export const retryWords = (reason: string): string => RETRY_WORDS[reason] ?? reason

/** Rows that are or were sent again. */
function retryRows(
  retries: NonNullable<RequestView['progress']>['retries'],
): readonly (readonly [string, string])[] {
  return retries.map(({ attempt, records, reason, at }, index) => [
    index === 0 ? 'Retries' : '',
    `attempt ${attempt}: ${counted(records, 'row')} at ${at} (${retryWords(reason)})`,
  ])
}

const endWords = (end: string): string => `${moment(Date.parse(end))}, at the average rate so far`

function actWords({ actor, at, reason }: SignedAct): string {
  return `${at} by ${actor}${reason === null ? '' : `: ${reason}`}`
}

const SHOWN_JOBS = 10

function more(jobs: number): readonly [string, string] | null {
  return jobs > SHOWN_JOBS ? ['', `and ${count(jobs - SHOWN_JOBS)} more: see --json`] : null
}

/** `, 63 % of 999,000, being cancelled …` while records are being deleted. */
export function progressOf({ plan, progress, stopping }: RequestView): string {
  const stop = stopping === null ? '' : `, ${stoppingWords(stopping)}`
  if (plan === null || progress === null) return stop
  return `, ${percent(doneOf(progress, plan), plan.accepted)} of ${count(plan.accepted)}${stop}`
}

/** `deleting, 63 % of 999,000` */
export const stateLine = (view: RequestView): string => view.status + progressOf(view)

/** The colour of each status. */
export const STATUS_COLOUR: Record<Status, Parameters<Style>[0]> = {
  queued: 'dim',
  planning: 'cyan',
  'awaiting-approval': 'yellow',
  deleting: 'cyan',
  completed: 'green',
  planned: 'green',
  incomplete: 'yellow',
  refused: 'red',
  cancelled: 'yellow',
  failed: 'red',
}

/** What happens to a request whose stop flag is raised. */
export function stoppingWords(reason: NonNullable<RequestView['stopping']>): string {
  switch (reason) {
    case 'cancelled':
      return 'being cancelled …'
    case 'declined':
      return 'being rejected …'
    case 'not-approved':
      return 'ending: not approved in time …'
    case 'deadline':
      return 'ending: its deadline has passed …'
    case 'brake':
      return 'ending: too many records failed …'
    default:
      throw new TypeError(`Unknown reason ${String(reason satisfies never)}`)
  }
}

const SHOWN_CODES = 5

/** `DELETE_FAILED 800, UNABLE_TO_LOCK_ROW 3 and 2 more codes`, the most frequent first. */
export function topFailures(failures: Receipt['failures']): string {
  const codes = Object.entries(failures).sort(([, a], [, b]) => b - a)
  const shown = codes.slice(0, SHOWN_CODES).map(([code, times]) => `${code} ${count(times)}`)
  const more = codes.length - shown.length
  return more > 0 ? `${shown.join(', ')} and ${counted(more, 'more code')}` : shown.join(', ')
}

/** Only a source with `except` has any. */
const excludedOf = ({ excluded }: Plan): string =>
  excluded === undefined ? '' : `${count(excluded)} excluded, `
