import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { type ChunkOutcome, type ChunkRef, chunkField } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// A worker that has taken the order, even one that died since, may have made an ingest job of it:
// then only a worker may end it. `chunks`: open and
// ledger of each chunk's request; `outcomes`: its field and outcome.
const END_UNSENT = script(
  'end-unsent',
  { keys: ['ingest', '...chunks'], args: ['...outcomes'] },
  `
local order = redis.call('HMGET', ingest, 'order', 'checkpoint', 'starts')
if not order[1] then return 'gone' end
if order[2] or tonumber(order[3] or '0') > 0 then return 'taken' end
redis.call('DEL', ingest)
for c = 1, #outcomes / 2 do
  local open, ledger, field = chunks[2 * c - 1], chunks[2 * c], outcomes[2 * c - 1]
  if redis.call('HDEL', open, field) == 1 then
    redis.call('HSETNX', ledger, field, outcomes[2 * c])
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
  const answer = await runScript(ledger, END_UNSENT, {
    ingest: keys.ingest(order),
    chunks: outcomes.flatMap(({ ref }) => [keys.open(ref.request), keys.ledger(ref.request)]),
    outcomes: outcomes.flatMap(({ ref, outcome }) => [chunkField(ref), JSON.stringify(outcome)]),
  })
  return oneOf(answer, ['ended', 'taken', 'gone'])
}
