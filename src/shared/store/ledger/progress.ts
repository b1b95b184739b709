import type { JobLock } from './begin-planning.ts'
import { RATIO, SUSPECT } from './brake.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import type { IngestOrder, Progress } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

// As in `save`, the first write does nothing. KEYS[3] is the request's record, where all chunks of the
// job are of one request: of several, the counters do not tell whose rows failed.
const SAVE_PROGRESS = script(
  'progress',
  `${RATIO}${SUSPECT}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
if redis.call('HEXISTS', KEYS[1], 'order') == 0 then return 'gone' end
redis.call('HDEL', KEYS[1], '')
redis.call('HSET', KEYS[1], 'progress', ARGV[2])
local progress = cjson.decode(ARGV[2])
if not KEYS[3] or progress.processed >= tonumber(ARGV[3]) then return 'ok' end
return suspect(KEYS[3], KEYS[1], progress.processed, progress.failed) and 'suspect' or 'ok'
`,
)

/**
 * Notes how far Salesforce is, for whoever watches. `suspect`: so many rows have failed that the job
 * is to be aborted, for its verdicts to tell whether the request goes wrong.
 */
export async function saveProgress(
  ledger: LedgerConnection,
  keys: OrgKeys,
  { order, progress, lock }: { order: IngestOrder; progress: Progress; lock: JobLock },
): Promise<'ok' | 'suspect' | 'lost' | 'gone'> {
  const [request, ...others] = new Set(order.chunks.map((chunk) => chunk.request))
  const own = request === undefined || others.length > 0 ? [] : [keys.request(request)]
  const records = order.chunks.reduce((sum, { count }) => sum + count, 0)
  const answer = await runScript(
    ledger,
    SAVE_PROGRESS,
    [keys.ingest(order.order), keys.lock(lock.queue, lock.jobId), ...own],
    [lock.token, JSON.stringify(progress), records],
  )
  return oneOf(answer, ['ok', 'suspect', 'lost', 'gone'])
}
