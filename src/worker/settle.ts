import type { StopReason } from '../shared/ledger/cancel.ts'
import type { RequestRecord } from '../shared/ledger/record.ts'
import { ID_VERDICTS } from '../shared/metrics/labels.ts'
import type { Metrics } from '../shared/metrics.ts'
import { note, noteRequest } from '../shared/note.ts'
import type { OrgStore } from '../shared/org-store.ts'
import { type Plan, type Receipt, totalOf } from '../shared/receipt.ts'
import { lotBeside, type StoredRequest } from '../shared/request.ts'
import type { ResultsStore } from '../shared/results.ts'
import type { Context } from './context.ts'
import { applied, type Ending, toReceipt, unapplied } from './ending.ts'
import { endUnsent, stopReasonOf } from './stopped.ts'

/**
 * The end of a request: outcomes become the receipt, the parts of the result files are joined, and
 * what was staged is dropped. Every step may be repeated; the ledger's receipt is the one that counts.
 */

export interface SettleDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  readonly metrics: Metrics
  readonly retentionSeconds: number
}

/** Settles a request whose chunks all have their outcome, or whose plan was turned down. */
export async function settleRequest(id: string, deps: SettleDeps, ctx: Context): Promise<void> {
  const { ledger } = deps.store
  const record = await ledger.load(id)
  if (record === null) return
  noteRequest(deps.store.org, record.request)
  if (record.receipt !== null) return cleanUp(record, deps)
  const stop = await stopReasonOf(record, deps.store, ctx)
  // Whoever raised the flag may have done so since, and stands in the record.
  const now = stop === null ? record : ((await ledger.load(id)) ?? record)
  const ending = await endingOf(now, stop, deps, ctx)
  if (ending === null || (await endRequest(now, ending, deps, ctx))) return
  // Planned or approved meanwhile: the word to stop must not be lost over it.
  return settleRequest(id, deps, ctx)
}

/** How the request ends now; null where it goes on. */
async function endingOf(
  record: RequestRecord,
  stop: StopReason | null,
  deps: SettleDeps,
  ctx: Context,
): Promise<Ending | null> {
  const { ledger } = deps.store
  const { id } = record.request
  switch (record.status) {
    case 'queued':
    case 'planning':
      return stop === null ? null : unapplied(record, stop)
    case 'awaiting-approval': {
      if (stop === null) return null
      const unsent = [...(await ledger.openChunks(id)).values()]
      return { ...unapplied(record, stop), unsent }
    }
    case 'deleting': {
      if (stop !== null) await endUnsent(record, deps, ctx)
      if ((await ledger.openChunks(id)).size > 0) return null
      const ending = applied(record, stop, await ledger.outcomes(id))
      // Somebody else has just settled it, and the ledger that we read was being cleared.
      if (totalOf(ending.outcome) !== record.plan?.accepted) throw halfRead(id)
      return ending
    }
    default:
      return null
  }
}

/**
 * Writes the receipt, gives the request its terminal status, and clears what it left in Redis. False
 * where the request has gone on meanwhile, so that this is not its end.
 */
export async function endRequest(
  record: RequestRecord,
  ending: Ending,
  deps: SettleDeps,
  ctx: Context,
): Promise<boolean> {
  const { store, results, metrics, retentionSeconds } = deps
  const { id, object } = record.request
  const folder = { org: store.org, id }
  const receipt = toReceipt(record, ending, await store.ledger.orgId(), store.org, ctx.clock.now())
  if (ending.parts !== undefined) await results.joinParts(folder, ending.parts)
  await results.writeReceipt(receipt)
  const settled = await store.ledger.settle({
    receipt,
    from: ending.from,
    retentionSeconds,
    caller: record.submittedBy,
    plan: ending.plan ?? null,
    ...(ending.lot === undefined ? {} : { lot: ending.lot }),
    ...(ending.unsent === undefined ? {} : { unsent: ending.unsent }),
  })
  switch (settled) {
    case 'settled':
      metrics.requestEnded({
        org: store.org,
        object,
        status: receipt.status,
        seconds: (ctx.clock.now() - record.submittedAt) / 1000,
      })
      // Else it was counted when it entered the ledger.
      if (ending.plan) countPlan(ending.plan, record.request, deps)
      noteEnd(receipt)
      ctx.log.info({ request: id, status: receipt.status, ...receipt.outcome }, 'Request settled.')
      await cleanUp({ ...record, lot: ending.lot ?? record.lot, receipt }, deps, ending.lots)
      return true
    case 'already':
      await settleRequest(id, deps, ctx)
      return true
    case 'not-due':
    case 'unknown':
      ctx.log.info({ request: id, settled }, 'The request was not to be settled by us.')
      await takeBack(record, deps)
      return settled === 'unknown'
    default:
      throw new TypeError(`Unknown answer ${String(settled satisfies never)}`)
  }
}

function noteEnd({ status, plan, error }: Receipt): void {
  note({ status, records: plan?.accepted, error: error?.code })
}

/** Counts the rows of a plan that has just entered the ledger: a plan that came to nothing is none. */
export function countPlan(
  plan: Plan,
  { object }: StoredRequest,
  { metrics, store: { org } }: Pick<SettleDeps, 'metrics' | 'store'>,
): void {
  for (const verdict of ID_VERDICTS) metrics.idsRead({ org, object, verdict, count: plan[verdict] })
}

/** The receipt that we wrote is not the one that counts: that one, or none, takes its place. */
async function takeBack({ request }: RequestRecord, { store, results }: SettleDeps): Promise<void> {
  const { id } = request
  const known = await store.ledger.load(id)
  if (known?.receipt) return results.writeReceipt(known.receipt)
  await results.removeReceipt({ org: store.org, id })
  // What we have just removed may have been of somebody who settled it meanwhile.
  const now = await store.ledger.load(id)
  if (now?.receipt) await results.writeReceipt(now.receipt)
}

/** What a request leaves behind once it has its receipt: parts on disk, frames in Redis. */
async function cleanUp(
  { request, receipt, lot, staged }: RequestRecord,
  { store, results }: SettleDeps,
  lots: readonly string[] = [],
): Promise<void> {
  if (receipt !== null) await results.writeReceipt(receipt)
  await results.removeParts({ org: store.org, id: request.id })
  if (request.deadline !== null) await store.orders.forgetStop(request.id)
  for (const name of new Set([lot, lotBeside(staged), ...lots])) {
    if (name) await store.staging.drop({ request: request.id, lot: name })
  }
}

/** BullMQ tries the job again, and then either the receipt or the whole ledger is there. */
function halfRead(id: string): Error {
  return new Error(
    `The outcomes of request ${id} do not add up to its plan yet; nothing was settled.`,
  )
}
