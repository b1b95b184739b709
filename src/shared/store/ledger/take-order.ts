import type { JobLock } from './begin-planning.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { type IngestOrder, parseIngestOrder } from './record.ts'
import { runScript, script } from './script.ts'

// Whoever takes an order counts as a crash at its checkpoint until it saves the next or hands back.
// Waiting is not counted: it lasts for hours, and deploys would add up.
const TAKE = script(
  'take-order',
  { keys: ['ingest', 'lock'], args: ['token'] },
  `
if redis.call('GET', lock) ~= token then return {'lost'} end
local order = redis.call('HGET', ingest, 'order')
if not order then return {'gone'} end
local checkpoint = redis.call('HGET', ingest, 'checkpoint') or ''
local starts = 0
if checkpoint == '' or cjson.decode(checkpoint).step ~= 'wait' then
  starts = redis.call('HINCRBY', ingest, 'starts', 1)
end
return {'taken', order, checkpoint, starts}
`,
)

export type Taken =
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'taken'
      readonly order: IngestOrder
      /** JSON of the last checkpoint, null before the first. */
      readonly checkpoint: string | null
      /** How often workers died at this checkpoint before us. */
      readonly crashes: number
    }

/** Takes up an ingest order at its checkpoint. `gone`: its outcome is in the ledger already. */
export async function takeOrder(
  ledger: LedgerConnection,
  keys: OrgKeys,
  order: string,
  lock: JobLock,
): Promise<Taken> {
  const answer = await runScript(ledger, TAKE, {
    ingest: keys.ingest(order),
    lock: keys.lock(lock.queue, lock.jobId),
    token: lock.token,
  })
  const [kind, json, checkpoint, starts] = Array.isArray(answer) ? answer : []
  if (kind === 'lost' || kind === 'gone') return { kind }
  return {
    kind: 'taken',
    order: parseIngestOrder(String(json)),
    checkpoint: checkpoint === '' ? null : String(checkpoint),
    crashes: Math.max(0, Number(starts) - 1),
  }
}
