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
import type { RedisClient } from '../redis/redis.ts'
import type { JobInsert } from './accept.ts'

interface JobToInsert {
  readonly name: string
  readonly data: unknown
  readonly options: JobsOptions
}

/**
 * Lets `act` add a job. It receives null where the script cannot be found; the job must then be added by
 * a separate call.
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

/** Imitates BullMQ's transaction for adding a job: it records the command and runs none. */
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
    // The command is set before the first await, because a pipeline needs that.
    const insert = recorded
    await added
    return insert
  }
}

// The format in which ioredis keeps defined scripts. If another version of ioredis or BullMQ
// differs, the job is added by a separate call, which only costs time.
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
