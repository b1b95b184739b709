import type { Plan, Receipt } from '../../contract/receipt.ts'
import { type LiveStatus, TERMINAL_STATUSES, type TerminalStatus } from '../../contract/status.ts'
import { BUDGET } from './budget.ts'
import type { LedgerConnection } from './connection.ts'
import { FILE } from './filing.ts'
import type { OrgKeys } from './keys.ts'
import { TELL } from './outbox.ts'
import type { KeptPlan } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

/**
 * What remains of a request after its record has expired, so that its id is never run again: how it
 * ended, when, and its content. A string of about 100 bytes, written when the request ends; it
 * outlives the record.
 */
export interface Tombstone {
  readonly status: TerminalStatus
  /** Milliseconds since the epoch. */
  readonly finishedAt: number
  readonly bodyHash: string
  /** Digest of a file's bytes; null for other sources, and if the file was never seen. */
  readonly sha256: string | null
}

/**
 * Lua: `bury(tombstone, request, status, seconds)`. Missing values of a damaged record are left
 * out: by then the script that ends a request has begun to write and must not fail.
 */
const BURY = `
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

// `orders`: ingest orders that will never be sent. In status `deleting` they may already be sent.
// Freeing comes first: a full Redis lets a script continue once it has written, and settling frees
// memory.
const SETTLE = script(
  'settle',
  {
    keys: [
      'request',
      'live',
      'open',
      'ledger',
      'cancel',
      'outbox',
      'spent',
      'unfiled',
      'folders',
      'tombstone',
      'line',
      '...orders',
    ],
    args: [
      'id',
      'finalStatus',
      'receipt',
      'from',
      'unsentToo',
      'plan',
      'lot',
      'retention',
      'folder',
      'idempotency',
      'kept',
    ],
  },
  `${TELL}${BUDGET}${FILE}${BURY}
local status = redis.call('HGET', request, 'status')
if not status then return 'unknown' end
if redis.call('HEXISTS', request, 'receipt') == 1 then return 'already' end
if not string.find(from, '|' .. status .. '|', 1, true) then return 'not-due' end
local unsent = unsentToo == 'drop' and status ~= 'deleting'
if not unsent and redis.call('HLEN', open) > 0 then return 'not-due' end
if lot ~= '' and redis.call('HGET', request, 'lot') ~= lot then return 'not-due' end
redis.call('ZREM', live, id)
redis.call('DEL', open, ledger, cancel, line)
redis.call('HDEL', request, 'frame', 'guards')
for _, order in ipairs(orders) do redis.call('DEL', order) end
redis.call('HSET', request, 'status', finalStatus, 'receipt', receipt)
if plan ~= '' then redis.call('HSET', request, 'plan', plan) end
if kept ~= '' then redis.call('HSET', request, 'kept', kept) end
bury(tombstone, request, finalStatus, retention + idempotency)
redis.call('EXPIRE', request, retention)
local bucket, held = heldBy(request)
if bucket and status ~= 'deleting' then spend(spent, bucket, -held) end
file(unfiled, folders, id, folder, retention)
tell(request, outbox, finalStatus)
return 'settled'
`,
)

type Settlement = {
  readonly receipt: Receipt
  /** The statuses from which this end may be reached. */
  readonly from: readonly LiveStatus[]
  /** The plan, if the record does not hold it yet (it was refused or had nothing to do). */
  readonly plan?: Plan | null
  /** Applies only while this planning attempt is current. */
  readonly lot?: string
  /** If the staged plan of a dry run is kept. */
  readonly kept?: KeptPlan | null
  /**
   * Orders to drop with their open chunks, if a plan ends before its first ingest job is ordered.
   */
  readonly unsent?: readonly string[]
  /** Whose budget is refunded if nothing of the request was sent. */
  readonly caller?: string | null
  /** Id of the results store for the receipt. */
  readonly results: string
  /** How long the record and its results folder are kept. */
  readonly retentionSeconds: number
  /** How long the id is remembered after that, so that it is not run again. */
  readonly idempotencySeconds: number
}

export function endVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /**
     * Gives a request its terminal status and its receipt. Repeating it changes nothing
     * (`already`). `not-due`: chunks are still open, or the status is not one of `from`.
     */
    async settle(settlement: Settlement): Promise<'settled' | 'already' | 'not-due' | 'unknown'> {
      const { receipt, from, plan = null, lot = '', kept = null } = settlement
      const { unsent, caller = null, results, retentionSeconds, idempotencySeconds } = settlement
      const { id } = receipt
      const answer = await runScript(ledger, SETTLE, {
        request: keys.request(id),
        live: keys.live,
        open: keys.open(id),
        ledger: keys.ledger(id),
        cancel: keys.cancel(id),
        outbox: keys.outbox,
        spent: keys.spent(caller),
        unfiled: keys.unfiled(results),
        folders: keys.folders(results),
        tombstone: keys.tombstone(id),
        line: keys.line(id),
        orders: (unsent ?? []).map((order) => keys.ingest(order)),
        id: id.toLowerCase(),
        finalStatus: receipt.status,
        receipt: JSON.stringify(receipt),
        from: `|${from.join('|')}|`,
        unsentToo: unsent === undefined ? 'keep' : 'drop',
        plan: plan === null ? '' : JSON.stringify(plan),
        lot,
        retention: retentionSeconds,
        folder: id,
        idempotency: idempotencySeconds,
        kept: kept === null ? '' : JSON.stringify(kept),
      })
      return oneOf(answer, ['settled', 'already', 'not-due', 'unknown'])
    },

    /**
     * The tombstone of an ended request, also after its record has expired; null if there is none.
     */
    async tombstone(id: string): Promise<Tombstone | null> {
      const text = await ledger.verified(ledger.redis.get(keys.tombstone(id)))
      if (text === null) return null
      const [word, seconds, bodyHash = '', sha256 = ''] = text.split(' ')
      const status = TERMINAL_STATUSES.find((known) => known === word)
      if (status === undefined) throw new TypeError(`Tombstone of ${id}: unknown status.`)
      return { status, finishedAt: Number(seconds) * 1000, bodyHash, sha256: sha256 || null }
    },
  }
}
