import type { Job } from 'bullmq'
import { z } from 'zod'
import { NotOursError } from '../../../shared/base/context.ts'
import { oneOf, runScript, script } from '../../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import type { JobVerdict } from '../../end/refuse.ts'

/**
 * What became of a job of the door, kept in a field of the job's own hash that no sender writes: the
 * job may be delivered again, or run again by an operator, and its data is gone by then.
 */

const FIELD = 'expunge'

const enteredSchema = z.object({
  /** The id of the request. */
  request: z.string(),
  /** Null where it was accepted. */
  refusal: z.object({ code: z.string(), message: z.string() }).nullable(),
})
type Entered = z.output<typeof enteredSchema>

/** Null where the job has not come so far. */
export async function enteredBefore(
  job: Job,
  { redis, ledger }: OrgStore,
): Promise<Entered | null> {
  const kept = await redis.hget(ledger.keys.job(job.queueName, job.id ?? ''), FIELD)
  return kept === null ? null : enteredSchema.parse(JSON.parse(kept))
}

// A full Redis lets a script go on that has begun to write, and this one makes room. The first write
// does nothing. BullMQ fills `returnvalue` of jobs that complete; one that fails has it from here.
const ENTERED = script(
  'entered',
  { keys: ['job', 'lock'], args: ['token', 'entry', 'data', 'answer'] },
  `
if redis.call('GET', lock) ~= token then return 'lost' end
redis.call('HDEL', job, '')
redis.call('HSET', job, '${FIELD}', entry, 'data', data, 'returnvalue', answer)
return 'ok'
`,
)

/**
 * From now on the job keeps the request's id alone: no record id may stay in it. How long it stays is
 * in its options, which are its sender's.
 *
 * @throws NotOursError where another worker has the job by now
 */
export async function markEntered(
  job: Job,
  token: string,
  { request, status, refusal }: JobVerdict,
  { connection, ledger: { keys } }: OrgStore,
): Promise<void> {
  const [queue, id] = [job.queueName, job.id ?? '']
  const entered: Entered = { request, refusal }
  const answer = await runScript(connection, ENTERED, {
    job: keys.job(queue, id),
    lock: keys.lock({ queue, jobId: id }),
    token,
    entry: JSON.stringify(entered),
    data: JSON.stringify({ request }),
    answer: JSON.stringify({ request, status }),
  })
  if (oneOf(answer, ['ok', 'lost']) === 'lost')
    throw new NotOursError('Another worker has the job.')
}
