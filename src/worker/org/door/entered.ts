import type { Job } from 'bullmq'
import { z } from 'zod'
import { NotOursError } from '../../../shared/base/context.ts'
import { oneOf, runScript, script } from '../../../shared/store/ledger/script.ts'
import type { OrgStore } from '../../../shared/store/org-store.ts'
import type { JobVerdict } from '../../end/refuse.ts'

/**
 * The result of an incoming job, kept in a field of the job's hash that senders do not write. The
 * job may be delivered again, or rerun by an operator, when its data is already gone.
 */

const FIELD = 'expunge'

const enteredSchema = z.object({
  /** Id of the request. */
  request: z.string(),
  /** Null if it was accepted. */
  refusal: z.object({ code: z.string(), message: z.string() }).nullable(),
})
type Entered = z.output<typeof enteredSchema>

/** Null if the job was not entered yet. */
export async function enteredBefore(
  job: Job,
  { redis, ledger }: OrgStore,
): Promise<Entered | null> {
  const kept = await redis.hget(ledger.keys.job(job.queueName, job.id ?? ''), FIELD)
  return kept === null ? null : enteredSchema.parse(JSON.parse(kept))
}

// A full Redis lets a script continue once it has written, and this script frees memory. So the
// first write is a no-op. BullMQ sets `returnvalue` of completed jobs; this script also sets it for
// failed jobs.
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
 * Reduces the job to the request's id, so that no record id stays in it. How long the job is kept
 * depends on its sender's options.
 *
 * @throws NotOursError if another worker has taken the job
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
