import { RATIO, SUSPECT } from './brake.ts'
import {
  type ChunkOutcome,
  type ChunkRef,
  chunkField,
  type IngestOrder,
  type Progress,
  parseIngestOrder,
  requestOf,
  rowsOf,
} from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import { GATHER, gatherSets } from './gather-sets.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'
import { parseTurns, TURNS, type Turn } from './turns.ts'

// A worker that takes an order counts as crashed at its checkpoint until it saves the next one or
// hands back. Waiting is not counted: it lasts for hours, and deploys would add up.
//
// An order that has moved to the other lane is gone from this one: two workers must not have it.
const TAKE = script(
  'take-order',
  { keys: ['ingest', 'lock', 'request', 'line'], args: ['token', 'prefix', 'name', 'isUrgent'] },
  `${TURNS}
if redis.call('GET', lock) ~= token then return {'lost'} end
local order, checkpoint, turn = unpack(redis.call('HMGET', ingest, 'order', 'checkpoint', 'turn'))
if not order then return {'gone'} end
if turn and (turn == 'high') ~= (isUrgent == '1') then return {'gone'} end
checkpoint = checkpoint or ''
local starts = 0
if checkpoint == '' or cjson.decode(checkpoint).step ~= 'wait' then
  starts = redis.call('HINCRBY', ingest, 'starts', 1)
end
local answer = {'taken', order, checkpoint, starts}
if checkpoint == '' then
  leaveTurns(name, turn, request, line)
  fill(answer, request, line)
  if turn then rest(turn) end
end
return answer
`,
)

type Taken =
  | { readonly kind: 'lost' }
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'taken'
      readonly order: IngestOrder
      /** JSON of the last checkpoint; null before the first. */
      readonly checkpoint: string | null
      /** Number of workers that died at this checkpoint before. */
      readonly crashes: number
      /** The request's next orders, to be ordered in its place. */
      readonly next: readonly Turn[]
    }

// A full Redis lets a script continue once it has written, and a running job must reach its end
// because that frees memory. So the first write is a no-op.
//
// The worker that saves a checkpoint is the first to start from it: its own death there counts too.
const SAVE = script(
  'save',
  { keys: ['ingest', 'lock'], args: ['token', 'checkpoint'] },
  `
if redis.call('GET', lock) ~= token then return 'lost' end
if redis.call('HEXISTS', ingest, 'order') == 0 then return 'gone' end
redis.call('HDEL', ingest, '')
redis.call('HSET', ingest, 'checkpoint', checkpoint, 'starts', 1)
return 'ok'
`,
)

type Saved = 'ok' | 'lost' | 'gone'

// As in `save`, the first write is a no-op. `requests` is the request's record if all chunks of the
// job belong to one request: for several, the counters do not show whose rows failed.
const SAVE_PROGRESS = script(
  'progress',
  { keys: ['ingest', 'lock', '...requests'], args: ['token', 'json', 'records'] },
  `${RATIO}${SUSPECT}
if redis.call('GET', lock) ~= token then return 'lost' end
if redis.call('HEXISTS', ingest, 'order') == 0 then return 'gone' end
redis.call('HDEL', ingest, '')
redis.call('HSET', ingest, 'progress', json)
local progress = cjson.decode(json)
if not requests[1] or progress.processed >= tonumber(records) then return 'ok' end
return suspect(requests[1], ingest, progress.processed, progress.failed) and 'suspect' or 'ok'
`,
)

// A worker that took the order, even if it died since, may have created an ingest job for it, and
// then only a worker may end the order. `chunks`: `open` and `ledger` key of each chunk's request;
// `outcomes`: its request, field and outcome. Chunks without an outcome stay in the order.
const END_UNSENT = script(
  'end-unsent',
  {
    keys: ['ingest', 'set', 'ids', 'gathers', 'settings', 'request', 'line', '...chunks'],
    args: ['order', 'group', 'waitSetting', 'prefix', '...outcomes'],
  },
  `${GATHER}${TURNS}
local json, checkpoint, starts, turn =
  unpack(redis.call('HMGET', ingest, 'order', 'checkpoint', 'starts', 'turn'))
if not json then return 'gone' end
if checkpoint or tonumber(starts or '0') > 0 then return 'taken' end
local content, leaving, kept = cjson.decode(json), {}, {}
for c = 1, #outcomes, 3 do leaving[outcomes[c] .. ' ' .. outcomes[c + 1]] = true end
for _, chunk in ipairs(content.chunks) do
  local name = chunk.request .. ' ' .. chunk.chunk .. '.' .. chunk.attempt
  if not leaving[name] then kept[#kept + 1] = chunk end
end
if #kept == 0 then
  redis.call('DEL', ingest)
  leaveSet(gathers, group, set, ids, settings, waitSetting, order)
  leaveTurns(order, turn, request, line, json)
  -- One in line has no turn yet.
  local priority = turn or turnOf(request)
  if priority then rest(priority) end
else
  redis.call('HDEL', ingest, '')
  content.chunks, content.distinct = kept, nil
  redis.call('HSET', ingest, 'order', cjson.encode(content))
end
for c = 1, #outcomes / 3 do
  local open, ledger, field = chunks[2 * c - 1], chunks[2 * c], outcomes[3 * c - 1]
  if redis.call('HDEL', open, field) == 1 then
    redis.call('HSETNX', ledger, field, outcomes[3 * c])
  end
end
return #kept == 0 and 'ended' or 'left'
`,
)

export function ingestOrderVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /** Takes an ingest order at its checkpoint. `gone`: its outcome is already in the ledger. */
    async takeOrder(order: string, lock: JobLock): Promise<Taken> {
      const answer = await runScript(ledger, TAKE, {
        ingest: keys.ingest(order),
        lock: keys.lock(lock),
        request: keys.request(requestOf(order)),
        line: keys.line(requestOf(order)),
        token: lock.token,
        prefix: keys.prefix,
        name: order,
        isUrgent: lock.queue === 'ingest-jobs-urgent' ? 1 : 0,
      })
      const [kind, json, checkpoint, starts, ...next] = Array.isArray(answer) ? answer : []
      if (kind === 'lost' || kind === 'gone') return { kind }
      return {
        kind: 'taken',
        order: parseIngestOrder(String(json)),
        checkpoint: checkpoint === '' ? null : String(checkpoint),
        crashes: Math.max(0, Number(starts) - 1),
        next: parseTurns(next),
      }
    },

    /**
     * Saves where an ingest job stands, before the next external effect. Guarded by BullMQ's lock:
     * a worker that lost the lock gets `lost`, writes nothing and stops. (BullMQ's own `updateData`
     * takes no token: a worker that woke up after losing its job was observed to overwrite the new
     * owner's data.)
     */
    async saveCheckpoint({
      order,
      checkpoint,
      lock,
    }: {
      order: string
      checkpoint: string
      lock: JobLock
    }): Promise<Saved> {
      const answer = await runScript(ledger, SAVE, {
        ingest: keys.ingest(order),
        lock: keys.lock(lock),
        token: lock.token,
        checkpoint,
      })
      return oneOf(answer, ['ok', 'lost', 'gone'])
    },

    /**
     * Records Salesforce's progress for display. `suspect`: so many rows have failed that the job
     * is to be aborted, so that its verdicts show whether the request goes wrong.
     */
    async saveProgress({
      order,
      progress,
      lock,
    }: {
      order: IngestOrder
      progress: Progress
      lock: JobLock
    }): Promise<'ok' | 'suspect' | 'lost' | 'gone'> {
      const [request, ...others] = new Set(order.chunks.map((chunk) => chunk.request))
      const own = request === undefined || others.length > 0 ? [] : [keys.request(request)]
      const answer = await runScript(ledger, SAVE_PROGRESS, {
        ingest: keys.ingest(order.order),
        lock: keys.lock(lock),
        requests: own,
        token: lock.token,
        json: JSON.stringify(progress),
        records: rowsOf(order),
      })
      return oneOf(answer, ['ok', 'suspect', 'lost', 'gone'])
    },

    /**
     * Ends chunks of an order that no worker has taken, with the given outcomes. `ended`: the order
     * held no others; `left`: the others are still to be sent. `taken`: a worker has it, or will take
     * it again. `gone`: it had already ended.
     */
    async endUnsent(entry: {
      order: IngestOrder
      outcomes: readonly { readonly ref: ChunkRef; readonly outcome: ChunkOutcome }[]
    }): Promise<'ended' | 'left' | 'taken' | 'gone'> {
      const { order, outcomes } = entry
      const answer = await runScript(ledger, END_UNSENT, {
        ...gatherSets.args(keys, gatherSets.for(order, order.order)),
        ingest: keys.ingest(order.order),
        request: keys.request(requestOf(order.order)),
        line: keys.line(requestOf(order.order)),
        prefix: keys.prefix,
        order: order.order,
        chunks: outcomes.flatMap(({ ref }) => [keys.open(ref.request), keys.ledger(ref.request)]),
        outcomes: outcomes.flatMap(({ ref, outcome }) => [
          ref.request,
          chunkField(ref),
          JSON.stringify(outcome),
        ]),
      })
      return oneOf(answer, ['ended', 'left', 'taken', 'gone'])
    },
  }
}
