import {
  createIORedisClient,
  type IRedisClient,
  Job,
  type JobsOptions,
  type Queue,
  SpanKind,
  TelemetryAttributes,
} from 'bullmq'
import { z } from 'zod'
import type { LedgerConnection } from '../ledger/connection.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import { planJob } from '../queues/queues.ts'
import type { RedisClient } from '../redis/redis.ts'
import { type Acceptance, acceptor, type JobInsert, type Submission } from './accept.ts'

/**
 * The verb by which every request comes in: it enters the request into the ledger and orders its plan,
 * in one step of Redis. The plan is not part of it where something has to come before: with a
 * deadline the stop is ordered first, and what came to be refused is never planned.
 */
export function entrance(
  ledger: LedgerConnection,
  keys: OrgKeys,
  requests: Queue,
): (submission: Submission) => Promise<Acceptance> {
  const accept = acceptor(ledger, keys)
  const insertInto = inserterOf(requests, ledger.redis)
  return (submission) => {
    const { id, priority, deadline } = submission.request
    return deadline === null && submission.refusal === undefined
      ? insertInto(planJob(id, priority), (order) => accept(submission, order))
      : accept(submission)
  }
}

interface JobToInsert {
  readonly name: string
  readonly data: unknown
  readonly options: JobsOptions
}

/**
 * Has `act` add a job. It is given null where the script is not at hand, which is until BullMQ has
 * met the server: the job is to be added by a call of its own then.
 */
type Inserter = <Answer>(
  job: JobToInsert,
  act: (insert: JobInsert | null) => Promise<Answer>,
) => Promise<Answer>

export function inserterOf(queue: Queue, redis: RedisClient): Inserter {
  const record = recorder(queue, redis)
  return ({ name, data, options }, act) =>
    queue
      .trace(SpanKind.PRODUCER, 'add', `${queue.name}.${name}`, async (span, metadata) => {
        span?.setAttributes({ [TelemetryAttributes.JobName]: name })
        const traced = metadata === undefined ? options : { ...options, telemetry: { metadata } }
        return act(await record({ name, data, options: traced }))
      })
      .then((answer) => answer)
}

/** BullMQ's transaction, as far as adding a job to it goes: it keeps the command, and runs none. */
function recorder(
  queue: Queue,
  redis: RedisClient,
): (job: JobToInsert) => Promise<JobInsert | null> {
  const client: IRedisClient = createIORedisClient(redis)
  const transaction = client.pipeline()
  let recorded: JobInsert | null = null
  transaction.runCommand = (command: string, given: (string | Buffer)[]) => {
    recorded = insertOf(redis, command, given)
    return transaction
  }
  return async ({ name, data, options }) => {
    recorded = null
    const added = new Job(queue, name, data, options, options.jobId).addJob(transaction)
    // The command is told before the first wait, as a pipeline needs it.
    const insert = recorded
    await added
    return insert
  }
}

// As ioredis keeps what was defined. Where another version of it, or of BullMQ, keeps it otherwise, the
// job is added by a call of its own, which costs time and nothing else.
const definitionSchema = z.object({ lua: z.string(), numberOfKeys: z.int() })

function insertOf(
  { scriptsSet }: RedisClient,
  command: string,
  given: readonly (string | Buffer)[],
): JobInsert | null {
  const definition = definitionSchema.safeParse(Reflect.get(scriptsSet, command)).data
  if (definition === undefined) return null
  const { lua, numberOfKeys } = definition
  const keys = given.slice(0, numberOfKeys).map(String)
  return { lua, keys, args: given.slice(numberOfKeys) }
}
