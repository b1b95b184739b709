import type { RequestRecord } from '../shared/ledger/record.ts'
import type { Metrics } from '../shared/metrics.ts'
import type { OrgStore } from '../shared/org-store.ts'
import {
  addFailures,
  addOutcomes,
  type LiveStatus,
  NO_OUTCOME,
  type Outcome,
  type Plan,
  type Receipt,
  type ReceiptError,
  type TerminalStatus,
  totalOf,
} from '../shared/receipt.ts'
import type { ResultsStore } from '../shared/results.ts'
import type { Context } from './context.ts'

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
  if (record.receipt !== null) return cleanUp(record, deps)
  const open = await ledger.openChunks(id)
  switch (record.status) {
    case 'deleting': {
      if (open.size > 0) return
      const ending = await applied(record, deps)
      // Somebody else has just settled it, and the ledger that we read was being cleared.
      if (totalOf(ending.outcome) !== record.plan?.accepted) throw halfRead(id)
      return endRequest(record, ending, deps, ctx)
    }
    case 'awaiting-approval':
      if (await ledger.isCancelled(id)) {
        await endRequest(record, turnedDown([...new Set(open.values())]), deps, ctx)
      }
      return
    default:
      return
  }
}

/** How a request ended, and from where. */
export interface Ending {
  readonly status: TerminalStatus
  readonly from: readonly LiveStatus[]
  readonly error: ReceiptError | null
  readonly plan?: Plan | null
  /** Only while this planning attempt counts. */
  readonly lot?: string
  readonly outcome?: Receipt['outcome']
  readonly failures?: Receipt['failures']
  readonly ingestJobs?: Receipt['ingestJobs']
  /** Orders that will never be sent. */
  readonly unsent?: readonly string[]
  /** Chunks whose parts make the result files, in their order. */
  readonly parts?: readonly string[]
}

/** Writes the receipt, gives the request its terminal status, and clears what it left in Redis. */
export async function endRequest(
  record: RequestRecord,
  ending: Ending,
  deps: SettleDeps,
  ctx: Context,
): Promise<void> {
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
      ctx.log.info({ request: id, status: receipt.status, ...receipt.outcome }, 'Request settled.')
      return cleanUp({ ...record, lot: ending.lot ?? record.lot }, deps)
    case 'already':
      return settleRequest(id, deps, ctx)
    case 'not-due':
    case 'unknown':
      ctx.log.info({ request: id, settled }, 'The request was not to be settled by us.')
      return
    default:
      throw new TypeError(`Unknown answer ${String(settled satisfies never)}`)
  }
}

/** What a request leaves behind once it has its receipt: parts on disk, frames in Redis. */
async function cleanUp(record: RequestRecord, { store, results }: SettleDeps): Promise<void> {
  const { request, receipt, lot, staged } = record
  if (receipt !== null) await results.writeReceipt(receipt)
  await results.removeParts({ org: store.org, id: request.id })
  for (const name of [lot, staged?.lot]) {
    if (name) await store.staging.drop({ request: request.id, lot: name })
  }
}

/** The sum over all chunks, once every one has its outcome. */
async function applied(
  record: RequestRecord,
  { store }: SettleDeps,
): Promise<Ending & { readonly outcome: Outcome }> {
  const outcomes = [...(await store.ledger.outcomes(record.request.id))].sort(([a], [b]) =>
    byChunk(a, b),
  )
  const chunks = outcomes.map(([, chunk]) => chunk)
  const outcome = chunks.reduce((sum, chunk) => addOutcomes(sum, chunk.outcome), NO_OUTCOME)
  const error = chunks.find((chunk) => chunk.error !== null)?.error ?? null
  const untouched = chunks.every(({ job }) => job === null)
  const complete = outcome.failed + outcome.unprocessed === 0
  return {
    status: complete ? 'completed' : untouched && error !== null ? 'failed' : 'incomplete',
    from: ['deleting'],
    error,
    outcome,
    failures: chunks.reduce((sum, chunk) => addFailures(sum, chunk.failures), {}),
    ingestJobs: chunks.map(({ job }) => job).filter((job) => job !== null),
    parts: outcomes.map(([field]) => field),
  }
}

/** BullMQ tries the job again, and then either the receipt or the whole ledger is there. */
function halfRead(id: string): Error {
  return new Error(
    `The outcomes of request ${id} do not add up to its plan yet; nothing was settled.`,
  )
}

function turnedDown(unsent: readonly string[]): Ending {
  return {
    status: 'cancelled',
    from: ['awaiting-approval'],
    error: { code: 'NOT_APPROVED', message: 'The plan was turned down; nothing was deleted.' },
    unsent,
  }
}

function toReceipt(
  record: RequestRecord,
  ending: Ending,
  orgId: string | null,
  org: string,
  now: number,
): Receipt {
  const { id, object, operation, reason } = record.request
  return {
    id,
    org,
    orgId,
    object,
    operation,
    status: ending.status,
    submittedAt: new Date(record.submittedAt).toISOString(),
    finishedAt: new Date(now).toISOString(),
    reason,
    plan: ending.plan ?? record.plan,
    outcome: ending.outcome ?? null,
    failures: ending.failures ?? {},
    ingestJobs: ending.ingestJobs ?? [],
    error: ending.error,
  }
}

/** `<chunk>.<attempt>`, both numbers: chunk 10 comes after chunk 9. */
function byChunk(a: string, b: string): number {
  const [chunkA = 0, attemptA = 0] = a.split('.').map(Number)
  const [chunkB = 0, attemptB = 0] = b.split('.').map(Number)
  return chunkA - chunkB || attemptA - attemptB
}
