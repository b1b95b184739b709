import { z } from 'zod'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { runScript, script } from './script.ts'

/**
 * What is left to do in the results store for requests that are over: their receipts are to be
 * written and their parts removed (`unfiled`), and one day their folders are to be removed with
 * their records (`folders`, by that day). Both are kept for each store, by its id: an embedded server
 * is tied to the directory of its latest run, and what it owes to one it must not do in another.
 */

/**
 * Lua: `file(unfiled, folders, id, folder, seconds)` notes both for a request that ends
 * now. Its folder goes a minute after its record: while there is a record, the folder may be in use.
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

// A request of the same id may have ended meanwhile: then the folder has another day.
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
    /** The receipt lies in the results store, and nothing else of the request is left there. */
    async filed(results: string, id: string): Promise<void> {
      await runScript(ledger, FILED, { unfiled: keys.unfiled(results), id: id.toLowerCase() })
    },

    /** Requests whose receipt is still to be written there. */
    async unfiled(results: string): Promise<readonly string[]> {
      return await ledger.verified(redis.smembers(keys.unfiled(results)))
    },

    /** A folder of the org, by its name there, is to be removed so many seconds from now. */
    async keepFolder(results: string, folder: string, seconds: number): Promise<void> {
      await runScript(ledger, KEEP, { folders: keys.folders(results), folder, seconds })
    },

    /** Folders that are to be removed by now, the longest due first. */
    async foldersDue(results: string, most: number): Promise<readonly string[]> {
      const due = await runScript(ledger, DUE, { folders: keys.folders(results), most })
      return z.array(z.string()).parse(due)
    },

    async folderRemoved(results: string, folder: string): Promise<void> {
      await runScript(ledger, REMOVED, { folders: keys.folders(results), folder })
    },
  }
}
