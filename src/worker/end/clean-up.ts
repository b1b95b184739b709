import type { Context } from '../../shared/base/context.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import { lotBeside } from '../../shared/contract/request.ts'
import { type ResultsStore, ResultsStoreError } from '../../shared/results/results.ts'
import type { RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/** What is done for a request that has its receipt: in the results store, and with what it staged. */

interface CleanUpDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
}

/**
 * A store that takes no receipt now holds up no end: the ledger's receipt counts, and the sweep
 * brings it to the store. False where it is not there yet.
 */
export async function tryWriteReceipt(
  receipt: Receipt,
  { results }: Pick<CleanUpDeps, 'results'>,
  ctx: Context,
): Promise<boolean> {
  try {
    await results.writeReceipt(receipt)
    return true
  } catch (error) {
    if (!(error instanceof ResultsStoreError)) throw error
    ctx.log.error({ err: error, request: receipt.id }, 'The receipt waits to be written.')
    return false
  }
}

/** What a request leaves behind once it has its receipt: parts on disk, frames in Redis. */
export async function cleanUp(
  { request, receipt, lot, staged }: RequestRecord,
  deps: CleanUpDeps,
  ctx: Context,
  lots: readonly string[] = [],
): Promise<void> {
  const { store, results } = deps
  const isFiled = receipt === null || (await tryWriteReceipt(receipt, deps, ctx))
  await results.removeParts({ org: store.org, id: request.id })
  if (request.deadline !== null) await store.orders.forgetStop(request.id)
  for (const name of new Set([lot, lotBeside(staged), ...lots])) {
    if (name) await store.staging.drop({ request: request.id, lot: name })
  }
  if (isFiled) await store.ledger.filed(results.id, request.id)
}

/** The receipt that we wrote is not the one that counts: that one, or none, takes its place. */
export async function takeBack(
  { request }: RequestRecord,
  deps: CleanUpDeps,
  ctx: Context,
): Promise<void> {
  const { id } = request
  const { store, results } = deps
  const known = await store.ledger.load(id)
  if (!known?.receipt) await results.removeReceipt({ org: store.org, id })
  // What we have just removed may have been of somebody who settled it meanwhile.
  const now = known?.receipt ? known : await store.ledger.load(id)
  if (now?.receipt) await tryWriteReceipt(now.receipt, deps, ctx)
}
