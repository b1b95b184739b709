import { randomUUID } from 'node:crypto'
import { type Context, NotOursError } from '../../shared/base/context.ts'
import { RefusedError, SourceError } from '../../shared/base/errors.ts'
import { addFacts, addRequestFacts } from '../../shared/base/trace.ts'
import { budgetInWords, type CallerLimits } from '../../shared/contract/caller-limits.ts'
import type { GuardRails } from '../../shared/contract/guard-rails.ts'
import type { Preflight } from '../../shared/contract/preflight.ts'
import { NO_OUTCOME } from '../../shared/contract/receipt.ts'
import { isRule } from '../../shared/contract/sources/lists.ts'
import { isTerminal } from '../../shared/contract/status.ts'
import type { Salesforce } from '../../shared/salesforce/client.ts'
import { WrongOrgError } from '../../shared/salesforce/errors.ts'
import { orderFor } from '../../shared/store/ledger/chunk.ts'
import type { JobLock } from '../../shared/store/ledger/keys.ts'
import { lotBeside, type RequestRecord } from '../../shared/store/ledger/record.ts'
import { orderDue } from '../../shared/store/org-store.ts'
import { isFuller, PLANNING_SHARE } from '../../shared/store/redis/memory.ts'
import { inspectRedis } from '../../shared/store/redis/redis.ts'
import { setAside } from '../end/leftovers.ts'
import type { RequestEnd } from '../end/receipt.ts'
import { countPlan, endRequest, type SettleDeps, settleRequest } from '../end/settle.ts'
import type { OrgGate } from '../gate/org-gate.ts'
import { PlanCalls } from '../gate/plan-calls.ts'
import type { SourceOrg } from '../sources/source.ts'
import { type DraftDeps, draftPlan } from './draft.ts'
import { NoMemoryError } from './memory.ts'
import { activeRefusal, lookAtAll, lookAtSample } from './preflight.ts'
import { StoppedError, whileWanted } from './while-wanted.ts'

export interface PlannerDeps extends SettleDeps, Omit<DraftDeps, 'salesforce'> {
  /** The org; null without a login. */
  readonly salesforce: PlanningOrg | null
  /**
   * The org's guard rails at worker start, for requests older than the guard rails in the ledger.
   */
  readonly rails: GuardRails
  /** How long the plan of a dry run is kept; 0: not at all. */
  readonly planHours: number
}

/** What planning asks of Salesforce. */
interface PlanningOrg
  extends Pick<Salesforce, 'access' | 'query' | 'recordCount' | 'recordFields'> {
  readonly gate: OrgGate
  /** Stops all work for the org, because the login now leads to another org. */
  halt(error: WrongOrgError): void
}

/**
 * Plans a request: open the source → scan → distinct → stage → guard → order the ingest jobs. The
 * source is read once, to its end. Nothing is deleted before the whole plan is known and has passed
 * every guard rail. After a crash, a new attempt starts over under a new lot.
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
  addRequestFacts(deps.store.org, record.request)
  if (record.refusal !== null) return settleRequest(id, deps, ctx)
  const lot = `p-${randomUUID()}`
  const files = await deps.results.files({ org: deps.store.org, id: record.request.id })
  const begun = await ledger.beginPlanning({ id, lot, lock })
  switch (begun.kind) {
    case 'not-due':
      return
    case 'lost':
      throw new NotOursError('The lock of the job was lost before planning began.')
    case 'begun':
      break
    default:
      throw new TypeError(`Unknown answer ${JSON.stringify(begun satisfies never)}`)
  }
  if (record.lot !== null) await staging.drop({ request: id, lot: record.lot })
  const guards = begun.guards ?? deps.rails
  const attempt: Attempt = { record: { ...record, guards }, guards, lot, lock, deps, ctx }
  if (begun.crashes >= MOST_CRASHES) return end(attempt, poisoned())
  try {
    await setAside(record, files, deps, ctx)
    await makePlan(attempt)
  } catch (error) {
    // An attempt that reports its failure has not crashed.
    if (error instanceof NotOursError) await ledger.forgivePlanning({ id, lock })
    else await ledger.handBackPlanning({ id, lock })
    throw error
  }
}

/**
 * After this many crashes the source is treated as poison, so that it cannot take every worker
 * down.
 */
const MOST_CRASHES = 5

const poisoned = (): Pick<RequestEnd, 'status' | 'error'> => ({
  status: 'failed',
  error: {
    code: 'CRASHED',
    message: `Workers died ${MOST_CRASHES} times while they read the source; it was given up and nothing was deleted. See the workers' logs.`,
  },
})

async function makePlan(attempt: Attempt): Promise<void> {
  const { record, guards, lot, deps, ctx } = attempt
  const { id } = record.request
  try {
    const draft = await whileWanted(record, deps.store, ctx, (own) =>
      draftPlan(record, guards, lot, { ...deps, salesforce: sourceOrg(attempt, own) }, own),
    )
    await conclude(attempt, draft)
  } catch (error) {
    if (error instanceof WrongOrgError) deps.salesforce?.halt(error)
    ctx.signal.throwIfAborted()
    const isOfNoUse = error instanceof NoMemoryError || error instanceof StoppedError
    if (isOfNoUse) await deps.store.staging.drop({ request: id, lot })
    if (error instanceof StoppedError) return settleRequest(id, deps, ctx)
    if (error instanceof RefusedError || error instanceof SourceError) {
      return stop(attempt, error, { plan: null, invalid: null })
    }
    // If the request ended meanwhile, its staged ids were dropped, so the error is expected.
    const now = await deps.store.ledger.load(id)
    if (now !== null && !isTerminal(now.status)) throw error
  }
}

/** One attempt to plan a request, staged under its own lot. */
interface Attempt {
  readonly record: RequestRecord
  readonly guards: GuardRails
  readonly lot: string
  readonly lock: JobLock
  readonly deps: PlannerDeps
  readonly ctx: Context
}

function sourceOrg({ record, lock, deps }: Attempt, own: Context): SourceOrg | null {
  if (deps.salesforce === null) return null
  const { access, query, gate } = deps.salesforce
  const { id } = record.request
  // A worker that dies while the org is paused does not count as a crash of this plan.
  const onWait = () => deps.store.ledger.handBackPlanning({ id, lock })
  return { access, query, calls: (signal) => new PlanCalls(gate, id, { ...own, signal }, onWait) }
}

type Draft = Awaited<ReturnType<typeof draftPlan>>
/** A draft with a plan. */
type Planned = Exclude<Draft, { readonly plan: null }>

/** Ends the request, or orders its ingest jobs. */
async function conclude(attempt: Attempt, draft: Draft): Promise<void> {
  const { record, ctx } = attempt
  const { invalid, refusal } = draft
  const { request } = record
  if (draft.plan === null) return stop(attempt, draft.refusal, { plan: null, invalid })
  const { plan } = draft
  ctx.log.info({ request: request.id, ...plan }, 'Planned.')
  addFacts({ records: plan.accepted })
  if (refusal !== null) return stop(attempt, refusal, { plan, invalid })
  await noteObjectRecords(attempt)
  const looked = await lookAtRecords(attempt, draft)
  if (looked instanceof RefusedError) return stop(attempt, looked, { plan, invalid })
  const { preflight } = looked
  const noted = { ...attempt, record: { ...record, preflight } }
  const active = preflight === null ? null : activeRefusal(request, preflight)
  if (active !== null) return stop(noted, active, { plan, invalid })
  if (request.dryRun) return endDryRun(noted, draft)
  if (plan.accepted > 0) return apply(noted, draft)
  return end(noted, { status: 'completed', error: null, plan, invalid, outcome: NO_OUTCOME })
}

const ASK_WITHIN_MS = 5000

/**
 * Asks the org how many records of the object it has, if the plan may need an approval or comes from
 * a rule. The plan does not depend on the answer, nor wait long for it.
 */
async function noteObjectRecords({ record, guards, lot, deps, ctx }: Attempt): Promise<void> {
  const { id, object, approval, dryRun, source } = record.request
  const isApproved = !dryRun && approval === 'auto' && guards.approvalAbove === null
  if (isApproved && !isRule(source)) return
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ASK_WITHIN_MS)])
  const records = await deps.salesforce?.recordCount(object, signal).catch(() => null)
  ctx.signal.throwIfAborted()
  if (records) await deps.store.ledger.noteObjectRecords(id, lot, records)
}

/**
 * Asks the org whether the plan's records are in use: of a sample, without waiting long, or of all of
 * them if the request refuses active ones.
 */
async function lookAtRecords(
  { record, lot, deps, ctx }: Attempt,
  { sample, jobs }: Planned,
): Promise<{ readonly preflight: Preflight | null } | RefusedError> {
  const { id, object, refuseActive } = record.request
  const { store, salesforce } = deps
  const inTime = AbortSignal.any([ctx.signal, AbortSignal.timeout(ASK_WITHIN_MS)])
  try {
    const preflight = refuseActive
      ? await whileWanted(record, store, ctx, ({ signal }) =>
          lookAtAll(object, jobs.flat(), store.staging, salesforce, signal),
        )
      : await lookAtSample(object, sample, salesforce, inTime)
    ctx.signal.throwIfAborted()
    if (preflight !== null) await store.ledger.notePreflight(id, lot, preflight)
    return { preflight }
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}

/** The staged ids are kept, so that exactly this plan can be applied. */
async function endDryRun(attempt: Attempt, { plan, invalid, jobs }: Planned): Promise<void> {
  const { deps, ctx } = attempt
  const isTight = isFuller(await inspectRedis(deps.store.redis), PLANNING_SHARE)
  const until = ctx.clock.now() + deps.planHours * 3_600_000
  const lists = Math.max(0, ...jobs.flat().map(({ chunk }) => chunk + 1))
  const kept = lists === 0 || deps.planHours === 0 || isTight ? null : { until, lists }
  return end(attempt, { status: 'planned', error: null, plan, invalid, kept })
}

/** Writes the plan to the ledger in one step, then orders its ingest jobs. */
async function apply(attempt: Attempt, { plan, jobs, canary, invalid }: Planned): Promise<void> {
  const { record, guards, lot, lock, deps, ctx } = attempt
  const { request, staged, takes, submittedBy: caller, limits } = record
  const { store } = deps
  const { id } = request
  const orders = jobs.map((chunks) => orderFor(chunks, request))
  const isApproved = request.approval === 'auto' || record.approvedBy !== null
  const wanted = isApproved ? 'deleting' : 'awaiting-approval'
  const { approvalAbove } = guards
  const entry = { id, lot, plan, invalid, orders, canary, lock, caller, limits, approvalAbove }
  const planned = await store.ledger.planned({ ...entry, next: wanted })
  if (planned === 'lost') throw new NotOursError('The lock was lost before the plan was recorded.')
  // A later attempt replaced this one, or the request ended meanwhile: nothing is left to do.
  if (planned === 'stale') return
  if (planned === 'over-budget') return stop(attempt, overBudget(limits), { plan, invalid })
  const next = planned === 'parked' ? 'awaiting-approval' : wanted
  countPlan(plan, request, deps)
  addFacts({ status: next })
  // The source is not read again. Without this, an upload would stay in Redis until the purge.
  const upload = lotBeside(staged)
  if (upload !== null) await store.staging.drop({ request: id, lot: upload })
  if (takes !== null) await store.staging.drop(takes)
  // A stop flag raised before the plan was recorded had nothing to end yet.
  return next === 'deleting' ? orderDue(store, id) : settleRequest(id, deps, ctx)
}

function overBudget(limits: CallerLimits | null): RefusedError {
  const budget = limits === null ? '' : ` (${budgetInWords(limits)})`
  return new RefusedError(
    'BUDGET_EXCEEDED',
    `The plan has more records than are left of its caller's budget${budget}. ` +
      'Submit it under another id when the budget has room again, or in smaller requests.',
  )
}

/** A guard rail refused the request, or its source could not be read. */
function stop(
  attempt: Attempt,
  error: RefusedError | SourceError,
  read: Pick<RequestEnd, 'plan' | 'invalid'>,
): Promise<void> {
  const { code } = error
  if (!(error instanceof RefusedError)) {
    const message = nothingDeleted(error.message)
    return end(attempt, { status: 'failed', error: { code, message }, ...read })
  }
  const { problem, remedies } = error
  const message = nothingDeleted(problem)
  const refusal = remedies.length === 0 ? { code, message } : { code, message, remedies }
  return end(attempt, { status: 'refused', error: refusal, ...read })
}

/** What guard rails and sources do not know: they may also be asked without a request. */
const nothingDeleted = (problem: string): string => `${problem} Nothing was deleted.`

/** Ends the request if this is still the current attempt. */
async function end(
  { record, lot, deps, ctx }: Attempt,
  end: Omit<RequestEnd, 'from' | 'lot'>,
): Promise<void> {
  await endRequest(record, { ...end, from: ['planning'], lot }, deps, ctx)
}
