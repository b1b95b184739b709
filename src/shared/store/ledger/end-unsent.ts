import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { type ChunkOutcome, type ChunkRef, chunkField } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// A worker that has taken the order, even one that died since, may have made an ingest job of it:
// then only a worker may end it. KEYS from 2: open and ledger of each chunk's request.
const END_UNSENT = script(
  'end-unsent',
  `
local order = redis.call('HMGET', KEYS[1], 'order', 'checkpoint', 'starts')
if not order[1] then return 'gone' end
if order[2] or tonumber(order[3] or '0') > 0 then return 'taken' end
redis.call('DEL', KEYS[1])
for c = 1, #ARGV / 2 do
  local open, ledger, field = KEYS[2 * c], KEYS[1 + 2 * c], ARGV[2 * c - 1]
  if redis.call('HDEL', open, field) == 1 then
    redis.call('HSETNX', ledger, field, ARGV[2 * c])
  end
end
return 'ended'
`,
)

/**
 * Ends an order that no worker has taken up, with the outcomes given. `taken`: a worker has it, or
 * will have it again. `gone`: it has ended before.
 */
export async function endUnsent(
  ledger: LedgerConnection,
  keys: OrgKeys,
  entry: {
    order: string
    outcomes: readonly { readonly ref: ChunkRef; readonly outcome: ChunkOutcome }[]
  },
): Promise<'ended' | 'taken' | 'gone'> {
  const { order, outcomes } = entry
  const answer = await runScript(
    ledger,
    END_UNSENT,
    [
      keys.ingest(order),
      ...outcomes.flatMap(({ ref }) => [keys.open(ref.request), keys.ledger(ref.request)]),
    ],
    outcomes.flatMap(({ ref, outcome }) => [chunkField(ref), JSON.stringify(outcome)]),
  )
  return oneOf(answer, ['ended', 'taken', 'gone'])
}
