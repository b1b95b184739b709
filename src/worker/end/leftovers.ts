import { z } from 'zod'
import type { Context } from '../../shared/base/context.ts'
import { type GuardRails, retentionSeconds } from '../../shared/contract/guard-rails.ts'
import type { Receipt } from '../../shared/contract/receipt.ts'
import { ResultsStoreError } from '../../shared/results/files.ts'
import type { ResultsStore } from '../../shared/results/results.ts'
import { lotBeside, type RequestRecord } from '../../shared/store/ledger/record.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * What lies beside a request: files in the results store and what it staged. It is cleaned up once the
 * request has its receipt, and moved aside where it is of an earlier request of the same id.
 */

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

/**
 * A request begins in an empty folder. What lies there is of an earlier life of its id: of a ledger
 * that was lost, or of a request that is forgotten by now. It may be the only proof of what was
 * deleted then, so it is moved aside, and leaves with its own retention.
 */

interface SetAsideDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
  /** For requests that are older than guard rails in the ledger. */
  readonly rails: Pick<GuardRails, 'retentionDays'>
}

/**
 * Moves what is not of this life out of the folder.
 *
 * @param files that lay there at a time when the ledger held no word of this life's results yet. No
 *   others are touched, so a worker that is late never moves a part of a request that has gone on.
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
    // An earlier planning attempt of this life: it goes with the parts.
    return lot === null || !file.startsWith(`parts/${lot}.`)
  })
  if (others.length === 0) return
  const name = results.earlierName(folder)
  // First of all: a folder that nobody knows of would never be removed.
  await store.ledger.keepFolder(results.id, name, retentionSeconds(guards ?? rails))
  await results.moveTo(folder, others, name)
  ctx.log.warn(
    { request: request.id, files: others.length, folder: name },
    'The folder of the request held results of an earlier request of its id; they were moved.',
  )
}

const RECEIPT = 'receipt.json'

const receiptSchema = z.looseObject({ submittedAt: z.string() })

/** A receipt of this life lies there where its end was begun and broke off. */
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
