import type { Context } from '../../shared/base/context.ts'
import { type ResultsStore, ResultsStoreError } from '../../shared/results/results.ts'
import type { OrgStore } from '../../shared/store/org-store.ts'

/**
 * Result files leave with the record of their request. Its end has noted when; so no folder is
 * removed that this ledger has not noted: receipts of a ledger that was lost stay, and those of
 * another that shares the directory.
 */

interface RetentionDeps {
  readonly store: OrgStore
  readonly results: ResultsStore
}

/** In one turn, so that the sweep goes on; a turn comes every half minute. */
const MOST_FOLDERS = 200

/** One that cannot be removed comes again after so long: it must not keep the place of others. */
const AGAIN_SECONDS = 600

/** Removes the folders whose time is over. Several workers may do it at once. */
export async function removeDueFolders(
  { store, results }: RetentionDeps,
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
  ctx.log.error({ err, folders: failed.length }, 'Result files are past their retention, and stay.')
}

/** Whether the id lives again: then its folder is the new request's. */
async function hasRecord({ redis, ledger }: OrgStore, folder: string): Promise<boolean> {
  return (await redis.exists(ledger.keys.request(folder))) === 1
}
