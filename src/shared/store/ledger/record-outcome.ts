import { JUDGE, RATIO, SUSPECT } from './brake.ts'
import { type ChunkOutcome, type ChunkRef, chunkField, type IngestOrder } from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

// `chunkKeys`, for each chunk: open, ledger, record and flag of its request, then the orders that
// retry its rows. `chunkArgs`, for each chunk: field, outcome, not deleted, verdicts, number of
// orders, then field, name and JSON of each. `rest`: the order without these chunks, if others are
// still to be sent; then the first write is a no-op, as in `save`. All verdicts are entered before
// any request is judged, in the same step. They are compared with the job's last counters.
const RECORD = script(
  'record-outcome',
  { keys: ['ingest', 'lock', '...chunkKeys'], args: ['token', 'rest', '...chunkArgs'] },
  `${RATIO}${JUDGE}${SUSPECT}
if redis.call('GET', lock) ~= token then return {'lost'} end
local progress = cjson.decode(redis.call('HGET', ingest, 'progress') or '{}')
if rest ~= '' then
  if redis.call('HEXISTS', ingest, 'order') == 0 then return {'gone'} end
  redis.call('HDEL', ingest, '')
  redis.call('HSET', ingest, 'order', rest)
elseif redis.call('DEL', ingest) == 0 then return {'gone'} end
local chunks, requests, isShared, k, a = {}, {}, false, 1, 1
while k <= #chunkKeys do
  local open, ledger, request, cancel = unpack(chunkKeys, k, k + 3)
  local field, again, written = chunkArgs[a], tonumber(chunkArgs[a + 4]), 0
  if redis.call('HEXISTS', open, field) == 1 then
    local known = requests[request] or { open = open, cancel = cancel }
    if not requests[request] then
      known.isBad, known.rows = word(request, progress.processed or 0, progress.failed or 0)
      requests[request] = known
    end
    written = redis.call('HSETNX', ledger, field, chunkArgs[a + 1])
    redis.call('HDEL', open, field)
    for i = 1, again do
      local at = a + 5 + 3 * (i - 1)
      redis.call('HSET', open, chunkArgs[at], chunkArgs[at + 1])
      redis.call('HSET', chunkKeys[k + 3 + i], 'order', chunkArgs[at + 2])
    end
    redis.call('HINCRBY', request, 'bad', chunkArgs[a + 2])
    redis.call('HINCRBY', request, 'judged', chunkArgs[a + 3])
  end
  isShared = isShared or request ~= chunkKeys[3]
  chunks[#chunks + 1] = { written, redis.call('HLEN', open), cancel, request }
  k, a = k + 4 + again, a + 5 + 3 * again
end
for request, known in pairs(requests) do
  known.judgement = judge(request, known.open, known.cancel)
  local isSuspect = redis.call('HGET', request, 'suspect') == ingest
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

/** The outcome of a chunk, and the orders that retry some of its rows. */
export interface ChunkResult {
  readonly ref: ChunkRef
  readonly outcome: ChunkOutcome
  /** One chunk each, of the same request. */
  readonly again?: readonly IngestOrder[]
}

type RecordedChunk = {
  readonly ref: ChunkRef
  /** False if an earlier run wrote it: then nothing may be counted again. */
  readonly written: boolean
  /** True if it was the last open chunk: its request is to be settled. */
  readonly last: boolean
  /** True if its request is to end early. */
  readonly stopped: boolean
  /** True if this outcome made the canary pass: the held-back orders are due. */
  readonly passed: boolean
}

type Recorded =
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'ok'; readonly chunks: readonly RecordedChunk[] }

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

const NUMBER_CHUNKS = script(
  'number-chunks',
  { keys: ['request'], args: ['count'] },
  `
if redis.call('HEXISTS', request, 'request') == 0 then return false end
return redis.call('HINCRBY', request, 'nextChunk', count) - count
`,
)

export function outcomeVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /**
     * Ends an ingest order in one step: records the outcomes, removes the chunks from `open`, and
     * adds those that are retried. A chunk's outcome is written only once. `gone`: the order had
     * already ended.
     *
     * With `rest`, the order does not end: these chunks leave it, and `rest` is what it still holds.
     */
    async recordOutcome(entry: {
      order: string
      outcomes: readonly ChunkResult[]
      rest?: IngestOrder
      lock: JobLock
    }): Promise<Recorded> {
      const { order, outcomes, rest, lock } = entry
      const answer = await runScript(ledger, RECORD, {
        ingest: keys.ingest(order),
        lock: keys.lock(lock),
        chunkKeys: outcomes.flatMap((result) => chunkKeys(keys, result)),
        token: lock.token,
        rest: rest === undefined ? '' : JSON.stringify(rest),
        chunkArgs: outcomes.flatMap(chunkArgs),
      })
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
    },

    /**
     * Reserves numbers for chunks that retry rows and returns the first. Numbers left unused by a
     * crash are never reused. Null if the request is gone.
     */
    async numberChunks({ id, count }: { id: string; count: number }): Promise<number | null> {
      const first = await runScript(ledger, NUMBER_CHUNKS, { request: keys.request(id), count })
      return first === null ? null : Number(first)
    },
  }
}
