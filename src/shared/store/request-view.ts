import type { Preflight } from '../contract/preflight.ts'
import {
  addOutcomes,
  NO_OUTCOME,
  type Outcome,
  type Plan,
  type Receipt,
  type SignedAct,
} from '../contract/receipt.ts'
import type { StoredRequest } from '../contract/request.ts'
import { maskedSource } from '../contract/sources/lists.ts'
import type { SourceContent } from '../contract/sources/read-file.ts'
import type { Status } from '../contract/status.ts'
import { type ChunkOutcome, isShared, rowsOf } from './ledger/chunk.ts'
import type { StopReason } from './ledger/decisions.ts'
import type { RequestRecord } from './ledger/record.ts'
import type { OrgStore } from './org-store.ts'
import { doneOf, expectedEnd } from './progress.ts'
import { costOfPlan, type PlanCost, readQuotaState } from './quota-state.ts'
import { redisNow } from './redis/server-clock.ts'
import { type OrgState, ownWaiting, readOrgState, type Waiting, waitingOf } from './waiting.ts'

/** Progress of a request. Counts are ids; `running` is Salesforce's own count of processed rows. */
export interface RequestProgress {
  /** Verdicts in the ledger. */
  readonly outcome: Outcome
  /** Rows that running ingest jobs have processed, including failures. */
  readonly running: number
  readonly chunksOpen: number
  /** Rows that failed with a transient error and are sent again, by attempt. */
  readonly retries: readonly RowRetry[]
  /** When it ends at the average rate so far; null if there is none yet, it is held or is to end early. */
  readonly expectedEnd: string | null
}

/** Rows of a request that are sent again. */
interface RowRetry {
  /** The attempt that they are sent in, 2 or more. */
  readonly attempt: number
  readonly records: number
  /** Code of a row, or why a whole ingest job is repeated; of the latest of them. */
  readonly reason: string
  /** When the latest of them are sent. */
  readonly at: string
}

/** A request as callers see it. */
export interface RequestView {
  readonly id: string
  readonly org: string
  readonly status: Status
  /** Why it is to end early; null if it is not, or has ended. */
  readonly stopping: StopReason | null
  /** What holds it, what has to end first first; empty if it moves, and once it has ended. */
  readonly waiting: readonly Waiting[]
  readonly submittedAt: string
  /** Name of the submitter's key; null if the request arrived by a way without keys. */
  readonly submittedBy: string | null
  /** Who approved its parked plan; null if no approval was needed or given yet. */
  readonly approvedBy: SignedAct | null
  /** Who cancelled it or turned its plan down; null if nobody did. */
  readonly cancelledBy: SignedAct | null
  /** Who changed its priority last; null if nobody did. */
  readonly prioritizedBy: SignedAct | null
  /**
   * Only the origin of the `callbackUrl`: the rest may allow its holder to call the receiver. No query
   * of a source's URL: it may allow its holder to read the list.
   */
  readonly request: StoredRequest
  /** The source's content: of a list or upload as received, of a file as planned. */
  readonly content: SourceContent | null
  readonly plan: Plan | null
  /** About how many records of the object the org had when it was planned; null if unknown. */
  readonly objectRecords: number | null
  /** Whether its records were in use when it was planned; null if the org was not asked or did not tell. */
  readonly preflight: Preflight | null
  /**
   * What its plan takes of the daily batches: of a plan that waits for approval, or of a dry run; else
   * null.
   */
  readonly cost: PlanCost | null
  /** Of a dry run, how long its plan can be applied, and as which request it was; else null. */
  readonly keptPlan: { readonly until: string; readonly appliedAs: string | null } | null
  /** Id of the dry run whose plan it applies; null if it reads its source itself. */
  readonly appliesPlanOf: string | null
  /** Null before the plan and once there is a receipt. */
  readonly progress: RequestProgress | null
  readonly receipt: Receipt | null
}

/** @param known the state of the org, if it was read for many requests */
export async function viewOf(
  store: OrgStore,
  record: RequestRecord,
  known?: OrgState,
): Promise<RequestView> {
  const fresh = { ...viewOfNew(store, record), cost: await costIfAsked(store, record) }
  if (record.receipt !== null) return fresh
  const { id } = record.request
  const [[stopping = null], open, state] = await Promise.all([
    store.ledger.stopReasons([id]),
    record.status === 'deleting' ? store.ledger.openChunks(id) : null,
    known ?? readOrgState(store),
  ])
  const orders = [...new Set(open?.values())]
  const [progress, own] = await Promise.all([
    open === null ? null : progressOf(store, id, open, orders),
    ownWaiting(store, record, orders, state),
  ])
  const waiting = waitingOf(record, stopping, state, own)
  const isMoving = stopping === null && waiting.length === 0
  const end = progress && isMoving ? endOf(record, progress, state.now) : null
  return { ...fresh, stopping, progress: progress && { ...progress, expectedEnd: end }, waiting }
}

function endOf(
  { plan, plannedAt, approvedBy }: RequestRecord,
  progress: Pick<RequestProgress, 'outcome' | 'running'>,
  now: number,
): string | null {
  if (plan === null || plannedAt === null) return null
  const began = approvedBy === null ? plannedAt : Date.parse(approvedBy.at)
  const end = expectedEnd({ began, now, done: doneOf(progress, plan), total: plan.accepted })
  return end === null ? null : new Date(end).toISOString()
}

/** Only while somebody may have to decide on the plan. */
async function costIfAsked(
  { redis, ledger: { keys } }: OrgStore,
  { plan, status, appliedAs, request: { priority } }: RequestRecord,
): Promise<PlanCost | null> {
  const isAsked = status === 'awaiting-approval' || (status === 'planned' && appliedAs === null)
  if (plan === null || !isAsked) return null
  return costOfPlan(await readQuotaState(redis, keys, await redisNow(redis)), plan, priority)
}

/** The same right after it was submitted. If it is new, it is accepted, and no failure to look hides that. */
export async function viewOfSubmitted(
  store: OrgStore,
  { record, created }: { readonly record: RequestRecord; readonly created: boolean },
): Promise<RequestView> {
  const view = viewOf(store, record)
  return created ? view.catch(() => viewOfNew(store, record)) : view
}

/** What its record alone tells. */
function viewOfNew({ org }: Pick<OrgStore, 'org'>, record: RequestRecord): RequestView {
  return {
    id: record.request.id,
    org,
    status: record.status,
    stopping: null,
    waiting: [],
    submittedAt: new Date(record.submittedAt).toISOString(),
    submittedBy: record.submittedBy,
    approvedBy: record.approvedBy,
    cancelledBy: record.cancelledBy,
    prioritizedBy: record.prioritizedBy,
    request: withoutSecrets(record.request),
    content: contentOf(record),
    plan: record.plan,
    objectRecords: record.objectRecords,
    preflight: record.preflight,
    cost: null,
    keptPlan: record.kept && {
      until: new Date(record.kept.until).toISOString(),
      appliedAs: record.appliedAs,
    },
    appliesPlanOf: record.takes?.request ?? null,
    progress: null,
    receipt: record.receipt,
  }
}

function contentOf({ content, staged }: RequestRecord): SourceContent | null {
  // The staged lists of several are not all that such a source holds.
  const known = content ?? (staged?.parts === undefined ? staged : null)
  return known && { bytes: known.bytes, sha256: known.sha256 }
}

/** The submitter knows the URLs; other readers need only where they lead. */
function withoutSecrets(request: StoredRequest): StoredRequest {
  const { callbackUrl } = request
  const shown = { ...request, source: maskedSource(request.source) }
  return callbackUrl !== null && URL.canParse(callbackUrl)
    ? { ...shown, callbackUrl: `${new URL(callbackUrl).origin}/***` }
    : shown
}

async function progressOf(
  { ledger }: OrgStore,
  id: string,
  open: ReadonlyMap<string, string>,
  names: readonly string[],
): Promise<Omit<RequestProgress, 'expectedEnd'>> {
  const [outcomes, orders] = await Promise.all([
    ledger.outcomes(id),
    Promise.all(names.map((order) => ledger.ingestOrder(order))),
  ])
  return {
    outcome: [...outcomes.values()].reduce(
      (sum, chunk) => addOutcomes(sum, chunk.outcome),
      NO_OUTCOME,
    ),
    running: orders.reduce((sum, order) => sum + (order === null ? 0 : runningOf(id, order)), 0),
    chunksOpen: open.size,
    retries: retriesIn(outcomes.values()),
  }
}

/**
 * The counters of a job that several requests share say nothing of one of them: its rows count in
 * proportion, so that a view shows nothing of the others.
 */
function runningOf(
  id: string,
  { order, progress }: NonNullable<Awaited<ReturnType<OrgStore['ledger']['ingestOrder']>>>,
): number {
  const name = id.toLowerCase()
  const chunks = order.chunks.filter(({ request }) => request.toLowerCase() === name)
  const own = rowsOf({ chunks })
  if (!isShared(order)) return progress.processed
  return Math.floor(own * Math.min(1, progress.processed / rowsOf(order)))
}

/** One entry for each attempt, however many chunks are retried. */
function retriesIn(outcomes: Iterable<ChunkOutcome>): readonly RowRetry[] {
  const retries = new Map<number, { records: number; reason: string; at: number }>()
  for (const { resent } of outcomes) {
    if (resent?.retry === undefined) continue
    const { attempt, reason, at } = resent.retry
    const known = retries.get(attempt)
    const latest = known !== undefined && known.at > at ? known : { reason, at }
    retries.set(attempt, { ...latest, records: (known?.records ?? 0) + resent.count })
  }
  return [...retries]
    .sort(([a], [b]) => a - b)
    .map(([attempt, retry]) => ({ attempt, ...retry, at: new Date(retry.at).toISOString() }))
}
