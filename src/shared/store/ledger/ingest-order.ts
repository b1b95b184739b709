import { RATIO, SUSPECT } from './brake.ts'
import {
  type ChunkOutcome,
  type ChunkRef,
  chunkField,
  type IngestOrder,
  type Progress,
  parseIngestOrder,
} from './chunk.ts'
import type { LedgerConnection } from './connection.ts'
import type { JobLock, OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

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

type Taken =
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

// Where Redis is full a script that has begun to write is let through: a running job has to come to its
// end, for that makes room. The first write does nothing.
//
// Who saves a checkpoint is the first to start from it: its own death there counts, too.
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

// As in `save`, the first write does nothing. `requests` is the request's record, where all chunks of the
// job are of one request: of several, the counters do not tell whose rows failed.
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

export function ingestOrderVerbs(ledger: LedgerConnection, keys: OrgKeys) {
  return {
    /** Takes up an ingest order at its checkpoint. `gone`: its outcome is in the ledger already. */
    async takeOrder(order: string, lock: JobLock): Promise<Taken> {
      const answer = await runScript(ledger, TAKE, {
        ingest: keys.ingest(order),
        lock: keys.lock(lock),
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
    },

    /**
     * Saves where an ingest job stands, before the next outside effect. Guarded by BullMQ's lock: who
     * has lost it gets `lost`, has written nothing, and stops there. (BullMQ's own `updateData` takes
     * no token: a worker that woke after losing its job was seen to overwrite the new owner's data.)
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
     * Notes how far Salesforce is, for whoever watches. `suspect`: so many rows have failed that the job
     * is to be aborted, for its verdicts to tell whether the request goes wrong.
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
      const records = order.chunks.reduce((sum, { count }) => sum + count, 0)
      const answer = await runScript(ledger, SAVE_PROGRESS, {
        ingest: keys.ingest(order.order),
        lock: keys.lock(lock),
        requests: own,
        token: lock.token,
        json: JSON.stringify(progress),
        records,
      })
      return oneOf(answer, ['ok', 'suspect', 'lost', 'gone'])
    },

    /**
     * Ends an order that no worker has taken up, with the outcomes given. `taken`: a worker has it, or
     * will have it again. `gone`: it has ended before.
     */
    async endUnsent(entry: {
      order: string
      outcomes: readonly { readonly ref: ChunkRef; readonly outcome: ChunkOutcome }[]
    }): Promise<'ended' | 'taken' | 'gone'> {
      const { order, outcomes } = entry
      const answer = await runScript(ledger, END_UNSENT, {
        ingest: keys.ingest(order),
        chunks: outcomes.flatMap(({ ref }) => [keys.open(ref.request), keys.ledger(ref.request)]),
        outcomes: outcomes.flatMap(({ ref, outcome }) => [
          chunkField(ref),
          JSON.stringify(outcome),
        ]),
      })
      return oneOf(answer, ['ended', 'taken', 'gone'])
    },
  }
}
