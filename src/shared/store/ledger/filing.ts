import { z } from 'zod'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * Pending work in the results store for ended requests: receipts to write and parts to remove
 * (`unfiled`), and folders to remove when their records expire (`folders`, by due time). Both are
 * kept per store, by its id: an embedded server is tied to the directory of its latest run, and
 * work that is due in one directory must not be done in another.
 */

/**
 * Lua: `file(unfiled, folders, id, folder, seconds)` records both for a request that ends now. Its
 * folder is removed a minute after its record, because the folder may be in use while the record
 * exists.
 */
export const FILE = `
local function keep(folders, folder, seconds)
  redis.call('ZADD', folders, redis.call('TIME')[1] + seconds + 60, folder)
end
local function file(unfiled, folders, id, folder, seconds)
  redis.call('SADD', unfiled, id)
  keep(folders, folder, seconds)
end
`

const FILED = script(
  'filed',
  { keys: ['unfiled'], args: ['id'] },
  `return redis.call('SREM', unfiled, id)`,
)

const KEEP = script(
  'keep-folder',
  { keys: ['folders'], args: ['folder', 'seconds'] },
  `${FILE}keep(folders, folder, seconds) return 'ok'`,
)

const DUE = script(
  'folders-due',
  { keys: ['folders'], args: ['most'] },
  `return redis.call('ZRANGEBYSCORE', folders, '-inf', redis.call('TIME')[1], 'LIMIT', 0, most)`,
)

// A request with the same id may have ended meanwhile: then the folder has a later due time.
const REMOVED = script(
  'folder-removed',
  { keys: ['folders'], args: ['folder'] },
  `
local score = redis.call('ZSCORE', folders, folder)
if score and tonumber(score) <= tonumber(redis.call('TIME')[1]) then redis.call('ZREM', folders, folder) end
return 'ok'
`,
)

export function filingVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  const { redis } = ledger
  return {
    /** The receipt is in the results store, and nothing else of the request is left to do there. */
    async filed(results: string, id: string): Promise<void> {
      await runScript(ledger, FILED, { unfiled: keys.unfiled(results), id: id.toLowerCase() })
    },

    /** Requests whose receipt is still to be written to this store. */
    async unfiled(results: string): Promise<readonly string[]> {
      return await ledger.verified(redis.smembers(keys.unfiled(results)))
    },

    /** Schedules a folder of the org, by name, for removal in this many seconds. */
    async keepFolder(results: string, folder: string, seconds: number): Promise<void> {
      await runScript(ledger, KEEP, { folders: keys.folders(results), folder, seconds })
    },

    /** Folders due for removal, the longest due first. */
    async foldersDue(results: string, most: number): Promise<readonly string[]> {
      const due = await runScript(ledger, DUE, { folders: keys.folders(results), most })
      return z.array(z.string()).parse(due)
    },

    async folderRemoved(results: string, folder: string): Promise<void> {
      await runScript(ledger, REMOVED, { folders: keys.folders(results), folder })
    },
  }
}
