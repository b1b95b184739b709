import { z } from 'zod'

/**
 * Where an ingest job stands, saved before the next outside effect; each state carries exactly its
 * data. The invariant behind them: Salesforce runs a job only after `UploadComplete`, so whatever
 * happened before that can be thrown away, and whatever happened after it can be read back.
 *
 * - `create`: nothing exists. After a crash: create again; a job that stays Open never runs.
 * - `upload`: the job is there, its data perhaps. After a crash: abort it and create another.
 * - `close`: the data is there. After a crash: read the state; not Open means it was closed.
 * - `wait`: Salesforce works, since `since` (ms). After a crash: poll on.
 * - `collect`: the job is terminal. After a crash: read the results again.
 *
 * `stopped` is why a running job is being aborted by us: decided before it is done, so that whoever
 * reads the results knows whose wish it was.
 *
 * `unclosed`: the job runs, or has run, though we have not closed it. Somebody else has, or it was
 * never ours: its counters prove nothing.
 */
const jobId = z.string().min(1)
const stopped = z.enum(['requests', 'operator', 'overdue', 'suspect']).optional()
const unclosed = z.literal(true).optional()
const checkpointSchema = z.discriminatedUnion('step', [
  z.strictObject({ step: z.literal('create') }),
  z.strictObject({ step: z.literal('upload'), jobId }),
  z.strictObject({ step: z.literal('close'), jobId }),
  z.strictObject({ step: z.literal('wait'), jobId, since: z.int(), stopped, unclosed }),
  z.strictObject({ step: z.literal('collect'), jobId, stopped, unclosed }),
])

export type Checkpoint = Readonly<z.output<typeof checkpointSchema>>

/** Undefined where the checkpoint is of a newer worker: then this one hands the job back. */
export function parseCheckpoint(json: string | null): Checkpoint | undefined {
  return json === null ? { step: 'create' } : checkpointSchema.safeParse(JSON.parse(json)).data
}
