import { randomUUID } from 'node:crypto'
import { RefusedError, SourceError } from '../../shared/errors.ts'
import type { JobLock } from '../../shared/ledger/begin-planning.ts'
import type { ChunkRef, IngestOrder, RequestRecord } from '../../shared/ledger/record.ts'
import { NO_OUTCOME, type Plan } from '../../shared/receipt.ts'
import { type Context, NotOursError } from '../context.ts'
import { type Ending, endRequest, type SettleDeps } from '../settle.ts'
import { type Draft, type DrawDeps, draw } from './draw.ts'
import { NoRoomError } from './memory-gate.ts'

export type PlannerDeps = SettleDeps & DrawDeps

/**
 * The plan of a request: open the source → scan → distinct → stage → guard → order the ingest jobs.
 * The source is read once, to its end, and nothing is deleted before the whole plan is known and
 * has passed every guard rail. After a crash a new attempt begins from nothing under a new lot.
 */
export async function planRequest(
  id: string,
  lock: JobLock,
  deps: PlannerDeps,
  ctx: Context,
): Promise<void> {
  const { ledger, staging } = deps.store
  const record = await ledger.load(id)
  if (record === null) return
  const lot = `p-${randomUUID()}`
  const begun = await ledger.beginPlanning({ id, lot, lock })
  switch (begun) {
    case 'not-due':
      return
    case 'lost':
      throw new NotOursError('The lock of the job was lost before planning began.')
    case 'begun':
      break
    default:
      throw new TypeError(`Unknown answer ${String(begun satisfies never)}`)
  }
  if (record.lot !== null) await staging.drop({ request: id, lot: record.lot })
  const attempt: Attempt = { record, lot, lock, deps, ctx }
  try {
    await conclude(attempt, await draw(record, lot, deps, ctx))
  } catch (error) {
    ctx.signal.throwIfAborted()
    if (error instanceof NoRoomError) await staging.drop({ request: id, lot })
    if (!(error instanceof RefusedError || error instanceof SourceError)) throw error
    await stop(attempt, error, null)
  }
}

/** One try to plan a request, staged under a lot of its own. */
interface Attempt {
  readonly record: RequestRecord
  readonly lot: string
  readonly lock: JobLock
  readonly deps: PlannerDeps
  readonly ctx: Context
}

async function conclude(attempt: Attempt, draft: Draft): Promise<void> {
  const { record, deps, ctx } = attempt
  const { plan } = draft
  const { id, object } = record.request
  ctx.log.info({ request: id, ...plan }, 'Planned.')
  await decide(attempt, draft)
  for (const verdict of ['accepted', 'invalid', 'duplicate'] as const) {
    deps.metrics.idsRead({ org: deps.org.name, object, verdict, count: plan[verdict] })
  }
}

/** What comes of the plan: its end, or its ingest jobs. */
function decide(attempt: Attempt, draft: Draft): Promise<void> {
  const { request } = attempt.record
  const { plan, objection } = draft
  if (objection !== null) return stop(attempt, objection, plan)
  if (request.dryRun) return end(attempt, { status: 'planned', error: null, plan })
  if (plan.accepted > 0) return apply(attempt, draft)
  return end(attempt, { status: 'completed', error: null, plan, outcome: NO_OUTCOME })
}

/** The plan stands: into the ledger in one step, then its ingest jobs are ordered. */
async function apply(
  { record: { request }, lot, lock, deps: { store } }: Attempt,
  { plan, chunks }: Draft,
): Promise<void> {
  const orders = chunks.map((chunk): IngestOrder => orderOf(chunk, request))
  const next = request.approval === 'required' ? 'awaiting-approval' : 'deleting'
  const planned = await store.ledger.planned({ id: request.id, lot, plan, orders, next, lock })
  if (planned !== 'ok') throw new NotOursError(`The plan was not recorded: ${planned}.`)
  if (next === 'awaiting-approval') return
  for (const { order, priority } of orders) await store.orders.ingest(order, priority)
}

/** One chunk, one ingest job; its order is named after it, so ordering it again is harmless. */
function orderOf(
  chunk: ChunkRef,
  { id, object, operation, priority }: RequestRecord['request'],
): IngestOrder {
  const order = `${id.toLowerCase()}.${chunk.chunk}.${chunk.attempt}`
  return { order, object, operation, priority, chunks: [chunk] }
}

/** A guard rail, or a source that could not be read: nothing was deleted. */
function stop(
  attempt: Attempt,
  error: RefusedError | SourceError,
  plan: Plan | null,
): Promise<void> {
  const status = error instanceof RefusedError ? 'refused' : 'failed'
  return end(attempt, { status, error: { code: error.code, message: error.message }, plan })
}

/** The request ends here, if this attempt is still the one that counts. */
function end(
  { record, lot, deps, ctx }: Attempt,
  ending: Omit<Ending, 'from' | 'lot'>,
): Promise<void> {
  return endRequest(record, { ...ending, from: ['planning'], lot }, deps, ctx)
}
