import { z } from 'zod'
import type { Context } from '../../shared/base/context.ts'
import { type GuardRails, retentionSeconds } from '../../shared/contract/guard-rails.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import {
  RECEIPT,
  type ResultsStore,
  ResultsStoreError,
} from '../../shared/results/results-store.ts'
import { lotBeside, type RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * What exists besides the record of a request: files in the results store and staged ids. It is
 * cleaned up once the request has its receipt, and moved aside if it belongs to an earlier request
 * with the same id.
 */

interface CleanUpDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
}

/**
 * A results store that is unavailable does not delay the end: the ledger's receipt is
 * authoritative, and the sweep writes it to the store later. Returns false if it is not written
 * yet.
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
    ctx.log.error({ err: error, request: receipt.id }, 'The receipt cannot be written yet.')
    return false
  }
}

/** Removes what a request leaves once it has its receipt: parts on disk, frames in Redis. */
export async function cleanUp(
  { request, receipt, lot, staged, kept }: RequestRecord,
  deps: CleanUpDeps,
  ctx: Context,
  lots: readonly string[] = [],
): Promise<void> {
  const { store, results } = deps
  const isFiled = receipt === null || (await tryWriteReceipt(receipt, deps, ctx))
  await results.removeParts({ org: store.org, id: request.id })
  if (request.deadline !== null) await store.orders.forgetStop(request.id)
  // The sweep drops a kept plan when its time is over.
  for (const name of new Set([kept === null ? lot : null, lotBeside(staged), ...lots])) {
    if (name) await store.staging.drop({ request: request.id, lot: name })
  }
  if (isFiled) await store.ledger.filed(results.id, request.id)
}

/** The receipt that we wrote does not count: replaces it with the valid one, or removes it. */
export async function takeBack(
  { request }: RequestRecord,
  deps: CleanUpDeps,
  ctx: Context,
): Promise<void> {
  const { id } = request
  const { store, results } = deps
  const known = await store.ledger.load(id)
  if (!known?.receipt) await results.removeReceipt({ org: store.org, id })
  // The receipt that we removed may have been written by another worker that settled it meanwhile.
  const now = known?.receipt ? known : await store.ledger.load(id)
  if (now?.receipt) await tryWriteReceipt(now.receipt, deps, ctx)
}

/**
 * A request starts with an empty folder. Files in it belong to an earlier use of its id: from a
 * lost ledger, or from a request whose record has expired. They may be the only proof of what was
 * deleted, so they are moved aside and get their own retention.
 */

interface SetAsideDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  /** For requests older than the guard rails in the ledger. */
  readonly rails: Pick<GuardRails, 'retentionDays'>
}

/**
 * Moves files of an earlier use of the id out of the folder.
 *
 * @param files that were in the folder when the ledger did not yet mention any results of this
 *   request. No other files are moved, so a slow worker never moves a part of a request that has
 *   progressed.
 */
export async function setAside(
  { request, guards, lot, submittedAt }: RequestRecord,
  files: readonly string[],
  { store, results, rails }: SetAsideDeps,
  ctx: Context,
): Promise<void> {
  const folder = { org: store.org, id: request.id }
  const isEnding = files.includes(RECEIPT) && (await isOurs(submittedAt, folder, results))
  const others = files.filter((file) => {
    if (!file.startsWith('parts/')) return !isEnding
    // Parts of an earlier planning attempt of this request are removed with the other parts.
    return lot === null || !file.startsWith(`parts/${lot}.`)
  })
  if (others.length === 0) return
  const name = results.earlierName(folder)
  // Recorded first: a folder that the ledger does not know would never be removed.
  await store.ledger.keepFolder(results.id, name, retentionSeconds(guards ?? rails))
  await results.moveTo(folder, others, name)
  ctx.log.warn(
    { request: request.id, files: others.length, folder: name },
    'The folder of the request held the results of an earlier request with the same id. They were moved.',
  )
}

const receiptSchema = z.looseObject({ submittedAt: z.string() })

/** Whether the receipt is this request's: its end was started but not completed. */
async function isOurs(
  submittedAt: number,
  folder: { org: string; id: string },
  results: ResultsStore,
): Promise<boolean> {
  const text = await results.readReceipt(folder)
  if (text === null) return false
  try {
    const receipt = receiptSchema.parse(JSON.parse(text))
    return Date.parse(receipt.submittedAt) === submittedAt
  } catch {
    return false
  }
}
