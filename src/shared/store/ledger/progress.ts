import type { JobLock } from './begin-planning.ts'
import { RATIO, SUSPECT } from './brake.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import type { IngestOrder, Progress } from './record.ts'
import { oneOf, runScript, script } from './script.ts'

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
  const answer = await runScript(ledger, SAVE_PROGRESS, {
    ingest: keys.ingest(order.order),
    lock: keys.lock(lock.queue, lock.jobId),
    requests: own,
    token: lock.token,
    json: JSON.stringify(progress),
    records,
  })
  return oneOf(answer, ['ok', 'suspect', 'lost', 'gone'])
}
