import type { LiveStatus, Plan, Receipt } from '../../contract/receipt.ts'
import type { LedgerConnection } from './connection.ts'
import { FILE } from './filing.ts'
import type { OrgKeys } from './keys.ts'
import { TELL } from './outbox.ts'
import { oneOf, runScript, script } from './script.ts'
import { SPENDING } from './spending.ts'
import { BURY } from './tombstone.ts'

// KEYS from 11: ingest orders that will never be sent; what is being deleted may be sent already.
// Freeing comes first: where Redis is full, a script that has begun to write is let through, and
// settling is what makes room.
const SETTLE = script(
  'settle',
  `${TELL}${SPENDING}${FILE}${BURY}
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return 'unknown' end
if redis.call('HEXISTS', KEYS[1], 'receipt') == 1 then return 'already' end
if not string.find(ARGV[4], '|' .. status .. '|', 1, true) then return 'not-due' end
local unsent = ARGV[5] == 'drop' and status ~= 'deleting'
if not unsent and redis.call('HLEN', KEYS[3]) > 0 then return 'not-due' end
if ARGV[7] ~= '' and redis.call('HGET', KEYS[1], 'lot') ~= ARGV[7] then return 'not-due' end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[3], KEYS[4], KEYS[5])
redis.call('HDEL', KEYS[1], 'frame', 'guards')
for i = 11, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'receipt', ARGV[3])
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'plan', ARGV[6]) end
bury(KEYS[10], KEYS[1], ARGV[2], ARGV[8] + ARGV[10])
redis.call('EXPIRE', KEYS[1], ARGV[8])
local bucket, held = heldBy(KEYS[1])
if bucket and status ~= 'deleting' then spend(KEYS[7], bucket, -held) end
file(KEYS[8], KEYS[9], ARGV[1], ARGV[9], ARGV[8])
tell(KEYS[1], KEYS[6], ARGV[2])
return 'settled'
`,
)

export interface Settlement {
  readonly receipt: Receipt
  /** The statuses from which this end may be reached. */
  readonly from: readonly LiveStatus[]
  /** The plan, where the record does not hold it yet (a plan that was refused or had nothing to do). */
  readonly plan?: Plan | null
  /** Only while this planning attempt counts. */
  readonly lot?: string
  /** Orders to drop with their open chunks, where a plan ends before its first ingest job is ordered. */
  readonly unsent?: readonly string[]
  /** Whose budget gets back what the request was charged with, where nothing of it was sent. */
  readonly caller?: string | null
  /** Id of the results store that the receipt goes to. */
  readonly results: string
  /** How long the record is kept, and the folder of its results. */
  readonly retentionSeconds: number
  /** How long its id is known after that, so that it is not run again. */
  readonly idempotencySeconds: number
}

/**
 * Gives a request its one terminal status and its receipt. Repeating it changes nothing
 * (`already`). `not-due`: chunks are still open, or the status is not one of `from`.
 */
export async function settle(
  ledger: LedgerConnection,
  keys: OrgKeys,
  settlement: Settlement,
): Promise<'settled' | 'already' | 'not-due' | 'unknown'> {
  const { receipt, from, plan = null, lot = '', unsent, caller = null } = settlement
  const { results, retentionSeconds, idempotencySeconds } = settlement
  const { id } = receipt
  const answer = await runScript(
    ledger,
    SETTLE,
    [
      keys.request(id),
      keys.live,
      keys.open(id),
      keys.ledger(id),
      keys.cancel(id),
      keys.outbox,
      keys.spent(caller),
      keys.unfiled(results),
      keys.folders(results),
      keys.tombstone(id),
      ...(unsent ?? []).map((order) => keys.ingest(order)),
    ],
    [
      id.toLowerCase(),
      receipt.status,
      JSON.stringify(receipt),
      `|${from.join('|')}|`,
      unsent === undefined ? 'keep' : 'drop',
      plan === null ? '' : JSON.stringify(plan),
      lot,
      retentionSeconds,
      id,
      idempotencySeconds,
    ],
  )
  return oneOf(answer, ['settled', 'already', 'not-due', 'unknown'])
}
