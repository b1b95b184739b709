import { randomUUID } from 'node:crypto'
import { RefusedError, SourceError } from '../../shared/errors.ts'
import type { JobLock } from '../../shared/ledger/begin-planning.ts'
import type { ChunkRef, IngestOrder, RequestRecord } from '../../shared/ledger/record.ts'
import { NO_OUTCOME, type Plan } from '../../shared/receipt.ts'
import { type Context, NotOursError } from '../context.ts'
import { endRequest, type SettleDeps } from '../settle.ts'
import { type Draft, type DrawDeps, draw } from './draw.ts'

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
  try {
    await conclude(record, lot, lock, await draw(record, lot, deps, ctx), deps, ctx)
  } catch (error) {
    ctx.signal.throwIfAborted()
    if (!(error instanceof RefusedError || error instanceof SourceError)) throw error
    await stop(record, lot, error, null, deps, ctx)
  }
}

async function conclude(
  record: RequestRecord,
  lot: string,
  lock: JobLock,
  draft: Draft,
  deps: PlannerDeps,
  ctx: Context,
): Promise<void> {
  const { plan } = draft
  const { object } = record.request
  ctx.log.info({ request: record.request.id, ...plan }, 'Planned.')
  await decide(record, lot, lock, draft, deps, ctx)
  for (const verdict of ['accepted', 'invalid', 'duplicate'] as const) {
    deps.metrics.idsRead({ org: deps.org.name, object, verdict, count: plan[verdict] })
  }
}

/** What comes of the plan: its end, or its ingest jobs. */
function decide(
  record: RequestRecord,
  lot: string,
  lock: JobLock,
  draft: Draft,
  deps: PlannerDeps,
  ctx: Context,
): Promise<void> {
  const { plan } = draft
  if (draft.objection !== null) return stop(record, lot, draft.objection, plan, deps, ctx)
  if (record.request.dryRun || plan.accepted === 0) {
    const status = record.request.dryRun ? 'planned' : 'completed'
    const outcome = status === 'completed' ? NO_OUTCOME : null
    return endRequest(
      record,
      { status, from: ['planning'], error: null, plan, lot, outcome },
      deps,
      ctx,
    )
  }
  return apply(record, lot, lock, draft, deps)
}

/** The plan stands: into the ledger in one step, then its ingest jobs are ordered. */
async function apply(
  { request }: RequestRecord,
  lot: string,
  lock: JobLock,
  { plan, chunks }: Draft,
  { store }: PlannerDeps,
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
  record: RequestRecord,
  lot: string,
  error: RefusedError | SourceError,
  plan: Plan | null,
  deps: PlannerDeps,
  ctx: Context,
): Promise<void> {
  const status = error instanceof RefusedError ? 'refused' : 'failed'
  const { code, message } = error
  return endRequest(
    record,
    { status, from: ['planning'], error: { code, message }, plan, lot },
    deps,
    ctx,
  )
}
