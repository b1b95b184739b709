import {
  addFailures,
  addOutcomes,
  NO_OUTCOME,
  type Outcome,
  type Plan,
  type Receipt,
  type ReceiptError,
  type ResultFile,
} from '../../shared/contract/receipt.ts'
import type { LiveStatus, TerminalStatus } from '../../shared/contract/status.ts'
import { FALSE_ALARM } from '../../shared/store/ledger/brake.ts'
import type { ChunkOutcome } from '../../shared/store/ledger/chunk.ts'
import type { StopReason } from '../../shared/store/ledger/decisions.ts'
import type { KeptPlan, RequestRecord } from '../../shared/store/ledger/record.ts'

/** How requests end: from the outcomes of their chunks to the receipt. Pure functions. */

/** A chunk with its outcome, by its field in the ledger. */
export interface EndedChunk {
  readonly field: string
  readonly outcome: ChunkOutcome
}

/** How a request ends, and from which statuses. */
export interface RequestEnd {
  readonly status: TerminalStatus
  readonly from: readonly LiveStatus[]
  readonly error: ReceiptError | null
  readonly plan?: Plan | null
  /** Applies only while this planning attempt is current. */
  readonly lot?: string
  /** If the staged plan of a dry run is kept. */
  readonly kept?: KeptPlan | null
  readonly outcome?: Receipt['outcome']
  readonly failures?: Receipt['failures']
  readonly ingestJobs?: Receipt['ingestJobs']
  /** Orders that are never sent. */
  readonly unsent?: readonly string[]
  /** The chunks whose parts make up the result files, in order. */
  readonly chunks?: readonly EndedChunk[]
  /** The part of `invalid.csv`, if the record does not hold it yet. */
  readonly invalid?: ResultFile | null
  /** The result files as written. */
  readonly files?: readonly ResultFile[]
  /** Lots of retried rows. */
  readonly lots?: readonly string[]
}

/** The sum over all chunks, once each has its outcome. */
export function applied(
  record: RequestRecord,
  stop: StopReason | null,
  ledger: ReadonlyMap<string, ChunkOutcome>,
): RequestEnd & { readonly outcome: Outcome } {
  const outcomes = [...ledger].sort(([a], [b]) => byChunk(a, b))
  const chunks = outcomes.map(([, chunk]) => chunk)
  const outcome = chunks.reduce((sum, chunk) => addOutcomes(sum, chunk.outcome), NO_OUTCOME)
  const error = chunks.find((chunk) => chunk.error !== null)?.error ?? null
  const untouched = chunks.every(({ job }) => job === null)
  const complete = outcome.failed + outcome.unprocessed === 0
  const status = complete ? 'completed' : untouched && error !== null ? 'failed' : 'incomplete'
  return {
    ...(isCut(stop, outcome, status) ? stoppedEnd(stop, record) : { status, error }),
    from: ['deleting'],
    lots: chunks.flatMap(({ resent }) => resent?.lot ?? []),
    outcome,
    failures: chunks.reduce((sum, chunk) => addFailures(sum, chunk.failures), {}),
    ingestJobs: jobLines(chunks),
    chunks: outcomes.map(([field, outcome]) => ({ field, outcome })),
  }
}

/**
 * A stop that came too late to hold anything back does not count; the request ended by itself. The
 * brake is the exception: it is always reported, unless the request `failed`, which says more.
 */
function isCut(
  stop: StopReason | null,
  { unprocessed }: Outcome,
  status: TerminalStatus,
): stop is StopReason {
  return stop === 'brake' ? status !== 'failed' : stop !== null && unprocessed > 0
}

/** The ingest jobs, each once: one job may have carried several chunks. */
function jobLines(chunks: readonly ChunkOutcome[]): Receipt['ingestJobs'] {
  const lines = new Map<string, Receipt['ingestJobs'][number]>()
  for (const { job } of chunks) {
    if (job === null) continue
    const key = `${job.id} ${job.attempt}`
    lines.set(key, { ...job, records: job.records + (lines.get(key)?.records ?? 0) })
  }
  return [...lines.values()]
}

/** A request that is stopped before anything was sent. */
export function unapplied(record: RequestRecord, stop: StopReason): RequestEnd {
  return { ...stoppedEnd(stop, record), from: ['queued', 'planning', 'awaiting-approval'] }
}

/** How a request that was stopped ends. */
function stoppedEnd(
  reason: StopReason,
  record: RequestRecord,
): { status: TerminalStatus; error: ReceiptError } {
  switch (reason) {
    case 'cancelled':
      return cancelled('CANCELLED', 'The request was cancelled.')
    case 'declined':
      return cancelled('NOT_APPROVED', 'The plan was rejected. Nothing was deleted.')
    case 'not-approved':
      return {
        status: 'refused',
        error: {
          code: 'NOT_APPROVED_IN_TIME',
          message:
            'The plan was not approved within 72 hours; nothing was deleted. Submit it under a new id.',
        },
      }
    case 'deadline':
      return cancelled('DEADLINE_PASSED', `Its deadline ${record.request.deadline} has passed.`)
    case 'brake':
      return { status: 'incomplete', error: tooManyFailures(record) }
    default:
      throw new TypeError(`Unknown reason ${String(reason satisfies never)}`)
  }
}

/** What was observed, and the rule that it broke. */
function tooManyFailures({ request, brake }: RequestRecord): ReceiptError {
  const allowed = `more than the allowed share of failures (${request.maxFailureRatio ?? 1})`
  const whose = brake?.by === 'canary' ? 'ids of the canary' : 'ids'
  const seen = brake === null ? 'Too many ids' : `${brake.bad} of ${brake.rows} ${whose}`
  const rule = brake?.by === 'ratio' ? `, beyond chance (error rate ${FALSE_ALARM})` : ''
  return {
    code: 'TOO_MANY_FAILURES',
    message:
      `${seen} were not deleted, ${allowed}${rule}, so no more were sent. ` +
      'See failed.csv. If this was expected, allow more failures in a new request.',
    remedies: [{ to: 'allow more failures', field: 'maxFailureRatio', value: null }],
  }
}

const cancelled = (code: string, message: string) => ({
  status: 'cancelled' as const,
  error: { code, message },
})

/** A request that was entered only to be refused. */
export function refused(error: ReceiptError): RequestEnd {
  return { status: 'refused', from: ['queued', 'planning'], error }
}

/** Builds the receipt of a request that ends now. */
export function toReceipt(
  record: RequestRecord,
  end: RequestEnd,
  orgId: string | null,
  org: string,
  now: number,
): Receipt {
  const { id, object, operation, reason, labels } = record.request
  return {
    id,
    org,
    orgId,
    object,
    operation,
    status: end.status,
    submittedAt: new Date(record.submittedAt).toISOString(),
    finishedAt: new Date(now).toISOString(),
    reason,
    plan: end.plan ?? record.plan,
    outcome: end.outcome ?? null,
    failures: end.failures ?? {},
    ingestJobs: end.ingestJobs ?? [],
    files: end.files ?? [],
    submittedBy: record.submittedBy,
    approvedBy: record.approvedBy,
    cancelledBy: record.cancelledBy,
    appliesPlanOf: record.takes?.request ?? null,
    preflight: record.preflight,
    labels,
    error: end.error,
  }
}

/** Compares `<chunk>.<attempt>` as numbers: chunk 10 comes after chunk 9. */
function byChunk(a: string, b: string): number {
  const [chunkA = 0, attemptA = 0] = a.split('.').map(Number)
  const [chunkB = 0, attemptB = 0] = b.split('.').map(Number)
  return chunkA - chunkB || attemptA - attemptB
}
