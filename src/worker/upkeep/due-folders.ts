import type { Context } from '../../shared/base/context.ts'
import { type ResultsStore, ResultsStoreError } from '../../shared/results/results-store.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * Result files are removed with the record of their request. The ledger notes the time when the
 * request ends, and only noted folders are removed. So receipts of a lost ledger stay, as do those
 * of another ledger that shares the directory.
 */

/** Maximum per sweep, so that the sweep makes progress; a sweep comes every half minute. */
const MOST_FOLDERS = 200

/** Retry delay for a folder that cannot be removed, so that it does not block others. */
const AGAIN_SECONDS = 600

/** Removes the folders whose retention is over. Several workers may do this at once. */
export async function removeDueFolders(
  { store, results }: { readonly store: OrgStore; readonly results: ResultsStore },
  ctx: Context,
): Promise<void> {
  const { ledger, org } = store
  const failed: unknown[] = []
  for (const folder of await ledger.foldersDue(results.id, MOST_FOLDERS)) {
    ctx.signal.throwIfAborted()
    const isDue = async () => !(await hasRecord(store, folder))
    try {
      if (await isDue()) await results.remove(org, folder, isDue)
      await ledger.folderRemoved(results.id, folder)
    } catch (error) {
      if (!(error instanceof ResultsStoreError)) throw error
      failed.push(error)
      await ledger.keepFolder(results.id, folder, AGAIN_SECONDS)
    }
  }
  const [err] = failed
  if (err === undefined) return
  ctx.log.error(
    { err, folders: failed.length },
    'Result files are past their retention and could not be deleted.',
  )
}

/** Whether the id is in use again: then the folder belongs to the new request. */
async function hasRecord({ redis, ledger }: OrgStore, folder: string): Promise<boolean> {
  return (await redis.exists(ledger.keys.request(folder))) === 1
}
