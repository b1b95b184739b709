import type { JobLock } from './begin-planning.ts'
import { JUDGE, RATIO, SUSPECT } from './brake.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { type ChunkOutcome, type ChunkRef, chunkField, type IngestOrder } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// KEYS from 3, of each chunk: open, ledger, record and flag of its request, then the orders that
// carry rows again. ARGV from 2, of each chunk: field, outcome, not deleted, verdicts, how many
// orders, then field, name and JSON of each. All verdicts are entered before any request is judged,
// and in the same step. What the counters of the job said last is compared with them.
const RECORD = script(
  'record-outcome',
  `${RATIO}${JUDGE}${SUSPECT}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lost'} end
local progress = cjson.decode(redis.call('HGET', KEYS[1], 'progress') or '{}')
if redis.call('DEL', KEYS[1]) == 0 then return {'gone'} end
local chunks, requests, isShared, k, a = {}, {}, false, 3, 2
while k <= #KEYS do
  local open, ledger, request, cancel = KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3]
  local field, again, written = ARGV[a], tonumber(ARGV[a + 4]), 0
  if redis.call('HEXISTS', open, field) == 1 then
    local known = requests[request] or { open = open, cancel = cancel }
    if not requests[request] then
      known.isBad, known.rows = word(request, progress.processed or 0, progress.failed or 0)
      requests[request] = known
    end
    written = redis.call('HSETNX', ledger, field, ARGV[a + 1])
    redis.call('HDEL', open, field)
    for i = 1, again do
      local at = a + 5 + 3 * (i - 1)
      redis.call('HSET', open, ARGV[at], ARGV[at + 1])
      redis.call('HSET', KEYS[k + 3 + i], 'order', ARGV[at + 2])
    end
    redis.call('HINCRBY', request, 'bad', ARGV[a + 2])
    redis.call('HINCRBY', request, 'judged', ARGV[a + 3])
  end
  isShared = isShared or request ~= KEYS[5]
  chunks[#chunks + 1] = { written, redis.call('HLEN', open), cancel, request }
  k, a = k + 4 + again, a + 5 + 3 * again
end
for request, known in pairs(requests) do
  known.judgement = judge(request, known.open, known.cancel)
  local isSuspect = redis.call('HGET', request, 'suspect') == KEYS[1]
  if isSuspect then redis.call('HDEL', request, 'suspect') end
  if (isSuspect or known.isBad and not isShared) and known.judgement ~= 'pulled' then
    redis.call('HSET', request, 'refuted', known.rows)
  end
end
local answer = {'ok'}
for _, chunk in ipairs(chunks) do
  local written, left, cancel, request = unpack(chunk)
  answer[#answer + 1] = written
  answer[#answer + 1] = left
  answer[#answer + 1] = redis.call('EXISTS', cancel)
  answer[#answer + 1] = requests[request] and requests[request].judgement == 'passed' and 1 or 0
end
return answer
`,
)

/** What became of a chunk, and what of it goes again. */
export interface ChunkResult {
  readonly ref: ChunkRef
  readonly outcome: ChunkOutcome
  /** One chunk each, of the same request. */
  readonly again?: readonly IngestOrder[]
}

export interface RecordedChunk {
  readonly ref: ChunkRef
  /** False where an earlier run had written it: then nothing may be counted again. */
  readonly written: boolean
  /** True where it was the last open chunk: its request is to be settled. */
  readonly last: boolean
  /** True where its request is to end before its time. */
  readonly stopped: boolean
  /** True where its request's canary has passed by it: what was held back is to be ordered. */
  readonly passed: boolean
}

export type Recorded =
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'ok'; readonly chunks: readonly RecordedChunk[] }

/**
 * Ends an ingest order: outcomes into the ledger, chunks out of `open`, those that go again in, in
 * one step. A chunk's outcome is written once, whoever repeats it. `gone`: the order had ended
 * before.
 */
export async function recordOutcome(
  ledger: LedgerConnection,
  keys: OrgKeys,
  entry: { order: string; outcomes: readonly ChunkResult[]; lock: JobLock },
): Promise<Recorded> {
  const { order, outcomes, lock } = entry
  const answer = await runScript(
    ledger,
    RECORD,
    [
      keys.ingest(order),
      keys.lock(lock.queue, lock.jobId),
      ...outcomes.flatMap((result) => chunkKeys(keys, result)),
    ],
    [lock.token, ...outcomes.flatMap(chunkArgs)],
  )
  const [word, ...flags] = Array.isArray(answer) ? answer : []
  const kind = oneOf(word, ['ok', 'lost', 'gone'])
  if (kind !== 'ok') return { kind }
  return {
    kind,
    chunks: outcomes.map(({ ref }, index) => ({
      ref,
      written: Number(flags[4 * index]) === 1,
      last: Number(flags[4 * index + 1]) === 0,
      stopped: Number(flags[4 * index + 2]) === 1,
      passed: Number(flags[4 * index + 3]) === 1,
    })),
  }
}

function chunkKeys(keys: OrgKeys, { ref: { request }, again = [] }: ChunkResult): string[] {
  return [
    ...[keys.open(request), keys.ledger(request), keys.request(request), keys.cancel(request)],
    ...again.map(({ order }) => keys.ingest(order)),
  ]
}

function chunkArgs({ ref, outcome, again = [] }: ChunkResult): (string | number)[] {
  const { deleted, alreadyGone, failed, unprocessed } = outcome.outcome
  const bad = failed + unprocessed
  return [
    ...[chunkField(ref), JSON.stringify(outcome), bad, bad + deleted + alreadyGone, again.length],
    ...again.flatMap((next) => [...next.chunks.map(chunkField), next.order, JSON.stringify(next)]),
  ]
}
