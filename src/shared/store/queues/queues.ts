import { type JobsOptions, Queue, type Telemetry } from 'bullmq'
import { z } from 'zod'
import { effect } from '../../base/trace.ts'
import { STATUSES } from '../../contract/receipt.ts'
import type { Priority } from '../../contract/request.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import type { RedisClient } from '../redis/redis.ts'

/**
 * The queues of one org. A job is a work order: it names what to do, never how far it is nor with
 * which ids; the ledger knows that. So a job may be lost, run twice or be ordered again.
 */
export const QUEUES = ['requests', 'ingest-jobs', 'ingest-jobs-urgent', 'callbacks'] as const
export type QueueName = (typeof QUEUES)[number]

/** Lower goes first. 0 beats all and is kept for jobs that a stopping worker hands over. */
export const HAND_OVER_PRIORITY = 0
/** Settling frees memory and answers a caller: it goes before any planning. */
export const SETTLE_PRIORITY = 1
export const HIGH_PRIORITY = 2
const BULLMQ_PRIORITY: Record<Priority, number> = { high: HIGH_PRIORITY, normal: 10, low: 100 }
/** Those that wait in line; what is handed over goes past it. */
export const LINES: readonly number[] = [SETTLE_PRIORITY, ...Object.values(BULLMQ_PRIORITY)]

/** The job name of plans, the orders of `requests` that may take long. */
export const PLAN = 'plan'

/** The job name by which other systems submit with nothing but BullMQ. */
export const DOOR = 'deletion-request'

/** Version of the job data below. A worker hands back what is newer than itself. */
const JOB_VERSION = 1

const requestJobSchema = z.discriminatedUnion('step', [
  z.object({ v: z.literal(JOB_VERSION), step: z.literal('plan'), id: z.string() }),
  z.object({ v: z.literal(JOB_VERSION), step: z.literal('settle'), id: z.string() }),
])
const ingestJobSchema = z.object({ v: z.literal(JOB_VERSION), order: z.string() })
const callbackJobSchema = z.object({
  v: z.literal(JOB_VERSION),
  id: z.string(),
  status: z.enum(STATUSES),
  at: z.number(),
})

type RequestJob = z.output<typeof requestJobSchema>
type IngestJobOrder = z.output<typeof ingestJobSchema>
type CallbackJob = z.output<typeof callbackJobSchema>

/** Null where the data is of a version or step that this worker does not know. */
export const parseRequestJob = (data: unknown): RequestJob | null =>
  requestJobSchema.safeParse(data).data ?? null
export const parseIngestJob = (data: unknown): IngestJobOrder | null =>
  ingestJobSchema.safeParse(data).data ?? null
export const parseCallbackJob = (data: unknown): CallbackJob | null =>
  callbackJobSchema.safeParse(data).data ?? null

/**
 * Whether the data may be an order of a newer version, to be kept for a worker that knows it: every
 * order has a version, and none brings ids. Whatever else is in our queues and is no order was put
 * there by somebody else.
 */
export const isNewerOrder = (data: unknown): boolean => newerOrderSchema.safeParse(data).success
const newerOrderSchema = z.looseObject({
  v: z.int().min(JOB_VERSION),
  source: z.undefined().optional(),
})

/**
 * What BullMQ's queues and workers of this process are given, so that a job goes on in the trace of
 * whoever ordered it. One for the process, as the channels are: the library's surface need not know.
 */
let current: Telemetry | undefined

export function setQueueTelemetry(telemetry: Telemetry | undefined): void {
  current = telemetry
}

/** As an option of a queue or worker; none where nothing is traced. */
export function queueTelemetry(): { readonly telemetry?: Telemetry } {
  return current === undefined ? {} : { telemetry: current }
}

type Queues = Readonly<Record<QueueName, Queue>> & { close(): Promise<void> }

export function openQueues(
  connection: RedisClient,
  keys: OrgKeys,
  onError: (error: Error) => void,
): Queues {
  const open = (name: QueueName) => {
    const queue = new Queue(name, { connection, prefix: keys.prefix, ...queueTelemetry() })
    queue.on('error', onError)
    return queue
  }
  const queues = {
    requests: open('requests'),
    'ingest-jobs': open('ingest-jobs'),
    'ingest-jobs-urgent': open('ingest-jobs-urgent'),
    callbacks: open('callbacks'),
  }
  return {
    ...queues,
    close: async () => {
      await Promise.all(Object.values(queues).map((queue) => queue.close()))
    },
  }
}

/** Which queue, and so which window, an ingest job of this priority uses. */
export function laneOf(priority: Priority): 'ingest-jobs' | 'ingest-jobs-urgent' {
  return priority === 'high' ? 'ingest-jobs-urgent' : 'ingest-jobs'
}

/**
 * Orders work. The job ids are derived from what is ordered, so ordering twice is ordering once;
 * jobs leave Redis when they end, so what was ordered before can be ordered again.
 */
export function workOrders(queues: Queues) {
  const v = JOB_VERSION
  const settle = (jobId: string, id: string, delay = 0) =>
    effect('order:settle', async () => {
      const data: RequestJob = { v, step: 'settle', id }
      await queues.requests.add('settle', data, { ...jobOptions(jobId, SETTLE_PRIORITY), delay })
    })
  return {
    plan: (id: string, priority: Priority): Promise<void> =>
      effect('order:plan', async () => {
        const { name, data, options } = planJob(id, priority)
        await queues.requests.add(name, data, options)
      }),
    /** @param delay before it may begin, in milliseconds, so that what was locked has time to be free again */
    ingest: (order: string, priority: Priority, delay = 0): Promise<void> =>
      effect('order:ingest', async () => {
        const data: IngestJobOrder = { v, order }
        const options = { ...jobOptions(order, BULLMQ_PRIORITY[priority]), delay }
        await queues[laneOf(priority)].add('ingest', data, options)
      }),
    settle: (id: string): Promise<void> => settle(`s-${id.toLowerCase()}`, id),
    /** Takes an order back that no worker has; one that a worker has stays with it. */
    withdraw: (order: string, priority: Priority): Promise<void> =>
      effect('order:withdraw', async () => {
        await queues[laneOf(priority)].remove(order)
      }),
    /**
     * Settles a request that is to end before its time. Under a name of its own: while this one ends
     * what was not sent, the last ingest job at work may order `settle`, which must not be dropped.
     */
    stop: (id: string): Promise<void> => settle(`c-${id.toLowerCase()}`, id),
    /** The same once so much time has passed: a deadline. */
    stopAfter: (id: string, ms: number): Promise<void> => settle(`d-${id.toLowerCase()}`, id, ms),
    /** Takes that back once the request is over. */
    forgetStop: (id: string): Promise<void> =>
      effect('order:forget-stop', async () => {
        await queues.requests.remove(`d-${id.toLowerCase()}`)
      }),
    /** Tells the caller of a change; a request has each status once. */
    callback: ({ id, status, at }: Omit<CallbackJob, 'v'>): Promise<void> =>
      effect('order:callback', async () => {
        const data: CallbackJob = { v, id, status, at }
        const jobId = `k-${id.toLowerCase()}-${status}`
        await queues.callbacks.add('callback', data, { ...jobOptions(jobId, 1), ...CALLBACK_TRIES })
      }),
  }
}

/** What `plan` adds. */
export function planJob(id: string, priority: Priority) {
  const data: RequestJob = { v: JOB_VERSION, step: 'plan', id }
  const options = jobOptions(`p-${id.toLowerCase()}`, BULLMQ_PRIORITY[priority])
  return { name: PLAN, data, options }
}

/** Over half a day in all: 5 s, 10 s, 20 s … */
const CALLBACK_TRIES: JobsOptions = {
  attempts: 14,
  backoff: { type: 'exponential', delay: 5000, jitter: 0.2 },
}

/**
 * An attempt is spent only by a fault of our own (a full disk, a defect). After half a minute of
 * tries the job leaves the queue and the sweep orders it anew: no wait grows out of sight.
 */
function jobOptions(jobId: string, priority: number): JobsOptions {
  return {
    jobId,
    priority,
    attempts: 6,
    backoff: { type: 'exponential', delay: 1000, jitter: 0.2 },
    removeOnComplete: true,
    removeOnFail: true,
  }
}
