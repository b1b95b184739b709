import type { JobLock } from './begin-planning.ts'
import type { LedgerConnection } from './connection.ts'
import type { OrgKeys } from './keys.ts'
import { oneOf, runScript, script } from './script.ts'

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

export type Saved = 'ok' | 'lost' | 'gone'

/**
 * Saves where an ingest job stands, before the next outside effect. Guarded by BullMQ's lock: who
 * has lost it gets `lost`, has written nothing, and stops there. (BullMQ's own `updateData` takes
 * no token: a worker that woke after losing its job was seen to overwrite the new owner's data.)
 */
export async function saveCheckpoint(
  ledger: LedgerConnection,
  keys: OrgKeys,
  { order, checkpoint, lock }: { order: string; checkpoint: string; lock: JobLock },
): Promise<Saved> {
  const answer = await runScript(ledger, SAVE, {
    ingest: keys.ingest(order),
    lock: keys.lock(lock.queue, lock.jobId),
    token: lock.token,
    checkpoint,
  })
  return oneOf(answer, ['ok', 'lost', 'gone'])
}
