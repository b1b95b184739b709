import { z } from 'zod'
import type { RedisClient } from '../redis/redis.ts'
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

export function unfiled(
  redis: RedisClient,
  keys: OrgKeys,
  results: string,
): Promise<readonly string[]> {
  return redis.smembers(keys.unfiled(results))
}

const FILED = script('filed', `return redis.call('SREM', KEYS[1], ARGV[1])`)

/** The receipt lies in the results store, and nothing else of the request is left there. */
export async function filed(
  ledger: LedgerConnection,
  keys: OrgKeys,
  results: string,
  id: string,
): Promise<void> {
  await runScript(ledger, FILED, [keys.unfiled(results)], [id.toLowerCase()])
}

const KEEP = script('keep-folder', `${FILE}keep(KEYS[1], ARGV[1], ARGV[2]) return 'ok'`)

/** A folder of the org, by its name there, is to be removed so many seconds from now. */
export async function keepFolder(
  ledger: LedgerConnection,
  keys: OrgKeys,
  results: string,
  folder: string,
  seconds: number,
): Promise<void> {
  await runScript(ledger, KEEP, [keys.folders(results)], [folder, seconds])
}

const DUE = script(
  'folders-due',
  `return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1], 'LIMIT', 0, ARGV[1])`,
)

/** Folders that are to be removed by now, the longest due first. */
export async function foldersDue(
  ledger: LedgerConnection,
  keys: OrgKeys,
  results: string,
  most: number,
): Promise<readonly string[]> {
  return z.array(z.string()).parse(await runScript(ledger, DUE, [keys.folders(results)], [most]))
}

// A request of the same id may have ended meanwhile: then the folder has another day.
const REMOVED = script(
  'folder-removed',
  `
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) <= tonumber(redis.call('TIME')[1]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
return 'ok'
`,
)

export async function folderRemoved(
  ledger: LedgerConnection,
  keys: OrgKeys,
  results: string,
  folder: string,
): Promise<void> {
  await runScript(ledger, REMOVED, [keys.folders(results)], [folder])
}
