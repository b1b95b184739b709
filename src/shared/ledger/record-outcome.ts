import type { RedisClient } from '../redis.ts'
import type { JobLock } from './begin-planning.ts'
import type { OrgKeys } from './keys.ts'
import { type ChunkOutcome, type ChunkRef, chunkField } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// KEYS from 3: open and ledger of each chunk's request. ARGV from 2: field and outcome of each.
const RECORD = script(
  'record-outcome',
  `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lost'} end
if redis.call('DEL', KEYS[1]) == 0 then return {'gone'} end
local answer = {'ok'}
for c = 1, (#ARGV - 1) / 2 do
  local open, ledger, field = KEYS[1 + 2 * c], KEYS[2 + 2 * c], ARGV[2 * c]
  local written = 0
  if redis.call('HEXISTS', open, field) == 1 then
    written = redis.call('HSETNX', ledger, field, ARGV[1 + 2 * c])
    redis.call('HDEL', open, field)
  end
  answer[#answer + 1] = written
  answer[#answer + 1] = redis.call('HLEN', open)
end
return answer
`,
)

export interface RecordedChunk {
  readonly ref: ChunkRef
  /** False where an earlier run had written it: then nothing may be counted again. */
  readonly written: boolean
  /** True where it was the last open chunk: its request is to be settled. */
  readonly last: boolean
}

export type Recorded =
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'ok'; readonly chunks: readonly RecordedChunk[] }

/**
 * Ends an ingest order: outcomes into the ledger, chunks out of `open`, in one step. A chunk's
 * outcome is written once, whoever repeats it. `gone`: the order had ended before.
 */
export async function recordOutcome(
  redis: RedisClient,
  keys: OrgKeys,
  entry: {
    order: string
    outcomes: readonly { readonly ref: ChunkRef; readonly outcome: ChunkOutcome }[]
    lock: JobLock
  },
): Promise<Recorded> {
  const { order, outcomes, lock } = entry
  const answer = await runScript(
    redis,
    RECORD,
    [
      keys.ingest(order),
      keys.lock(lock.queue, lock.jobId),
      ...outcomes.flatMap(({ ref }) => [keys.open(ref.request), keys.ledger(ref.request)]),
    ],
    [
      lock.token,
      ...outcomes.flatMap(({ ref, outcome }) => [chunkField(ref), JSON.stringify(outcome)]),
    ],
  )
  const [word, ...flags] = Array.isArray(answer) ? answer : []
  const kind = oneOf(word, ['ok', 'lost', 'gone'])
  if (kind !== 'ok') return { kind }
  return {
    kind,
    chunks: outcomes.map(({ ref }, index) => ({
      ref,
      written: Number(flags[2 * index]) === 1,
      last: Number(flags[2 * index + 1]) === 0,
    })),
  }
}
