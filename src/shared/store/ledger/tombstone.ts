import { TERMINAL_STATUSES, type TerminalStatus } from '../../contract/receipt.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'

/**
 * What is left of a request once its record has expired, so that its id is never run again: how it
 * ended, when, and which content it had. A string of some 100 bytes, written when the request ends;
 * it outlives the record.
 */
export interface Tombstone {
  readonly status: TerminalStatus
  /** Milliseconds since the epoch. */
  readonly finishedAt: number
  readonly bodyHash: string
  /** Digest of a file's bytes; null of other sources, and where the file was never seen. */
  readonly sha256: string | null
}

/**
 * Lua: `bury(tombstone, request, status, seconds)`. What a damaged record does not tell is left out:
 * the script that ends a request has begun to write by then, and must not fail.
 */
export const BURY = `
local function fileDigest(content, request)
  local isJson, known = pcall(cjson.decode, content or request or '')
  if not isJson or type(known) ~= 'table' then return '' end
  local source = content and known or known.source
  return type(source) == 'table' and source.sha256 or ''
end
local function bury(tombstone, request, status, seconds)
  local hash, content, asked = unpack(redis.call('HMGET', request, 'bodyHash', 'content', 'request'))
  local time = redis.call('TIME')[1]
  local words = { status, time, hash or '', fileDigest(content, asked) }
  redis.call('SET', tombstone, table.concat(words, ' '), 'EX', seconds)
end
`

/** Null where no request of that id has ended lately. */
export async function readTombstone(
  ledger: LedgerConnection,
  keys: OrgKeys,
  id: string,
): Promise<Tombstone | null> {
  const text = await ledger.verified(ledger.redis.get(keys.tombstone(id)))
  if (text === null) return null
  const [word, seconds, bodyHash = '', sha256 = ''] = text.split(' ')
  const status = TERMINAL_STATUSES.find((known) => known === word)
  if (status === undefined) throw new TypeError(`Tombstone of ${id}: unknown status.`)
  return { status, finishedAt: Number(seconds) * 1000, bodyHash, sha256: sha256 || null }
}
