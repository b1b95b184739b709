import type { JobsOptions, Queue, Telemetry } from 'bullmq'
import { z } from 'zod'
import { effect } from '../../base/trace.ts'
import type { Priority } from '../../contract/request.ts'
import { STATUSES } from '../../contract/status.ts'
import type { OrgKeys } from '../ledger/keys.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { FIRST_NUMBER, type Turn } from '../ledger/turns.ts'
import type { RedisClient } from '../redis/redis.ts'

/**
 * The queues of one org. A job is a work order: it names what to do, but neither progress nor ids;
 * those are in the ledger. So a job may be lost, run twice or be ordered again.
 */
export const QUEUES = ['requests', 'ingest-jobs', 'ingest-jobs-urgent', 'callbacks'] as const
export type QueueName = (typeof QUEUES)[number]

/**
 * Lower goes first. 0 comes before all others and is reserved for jobs that a stopping worker hands
 * over.
 */
export const HAND_OVER_PRIORITY = 0
/** Settling frees memory and answers a caller, so it precedes all planning. */
export const SETTLE_PRIORITY = 1
export const HIGH_PRIORITY = 2
const BULLMQ_PRIORITY: Record<Priority, number> = { high: HIGH_PRIORITY, normal: 10, low: 100 }
/**
 * Where each priority of jobs begins: those of `requests`, which were also those of ingest jobs in
 * earlier versions, and the turns of ingest jobs. Jobs handed over bypass them.
 */
export const LINES: readonly number[] = [
  ...new Set([SETTLE_PRIORITY, ...Object.values(BULLMQ_PRIORITY), ...Object.values(FIRST_NUMBER)]),
]

/** The job name of plans: the orders of `requests` that may take long. */
export const PLAN = 'plan'

/** The job name by which other systems submit with BullMQ alone. */
export const DOOR = 'deletion-request'

/** Version of the job data below. A worker hands back jobs of a newer version. */
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

/** Null if the data is of a version or step that this worker does not know. */
export const parseRequestJob = (data: unknown): RequestJob | null =>
  requestJobSchema.safeParse(data).data ?? null
export const parseIngestJob = (data: unknown): IngestJobOrder | null =>
  ingestJobSchema.safeParse(data).data ?? null
export const parseCallbackJob = (data: unknown): CallbackJob | null =>
  callbackJobSchema.safeParse(data).data ?? null

/**
 * Whether the data may be an order of a newer version, to keep for a worker that knows it: every
 * order has a version, and none contains ids. Any other data in our queues came from outside.
 */
export const isNewerOrder = (data: unknown): boolean => newerOrderSchema.safeParse(data).success
const newerOrderSchema = z.looseObject({
  v: z.int().min(JOB_VERSION),
  source: z.undefined().optional(),
})

/**
 * Telemetry for BullMQ's queues and workers in this process, so that a job continues its
 * submitter's trace. It is global to the process, like the channels, so that the library's API need
 * not know it.
 */
let current: Telemetry | undefined

export function setQueueTelemetry(telemetry: Telemetry | undefined): void {
  current = telemetry
}

/** As an option of a queue or worker; empty if tracing is off. */
export function queueTelemetry(): { readonly telemetry?: Telemetry } {
  return current === undefined ? {} : { telemetry: current }
}

type Queues = Readonly<Record<QueueName, Queue>> & { close(): Promise<void> }

/** Loads BullMQ: 65 ms that commands which only read the ledger do not spend. */
export async function openQueues(
  connection: RedisClient,
  keys: OrgKeys,
  onError: (error: Error) => void,
): Promise<Queues> {
  const { Queue } = await import('bullmq')
  const open = (name: QueueName) => {
    const queue = new Queue(name, {
      connection,
      prefix: keys.prefix,
      // BullMQ would ask for the server's version now, and never again: where that fails, each later
      // call of this queue fails with the same error. Connecting checks the version.
      skipVersionCheck: true,
      skipWaitingForReady: true,
      ...queueTelemetry(),
    })
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

/** The queues of ingest jobs. */
export const LANES = ['ingest-jobs-urgent', 'ingest-jobs'] as const

/** Which queue, and so which window, an ingest job of this priority uses. */
export function laneOf(priority: Priority): (typeof LANES)[number] {
  return priority === 'high' ? 'ingest-jobs-urgent' : 'ingest-jobs'
}

/**
 * Orders work. Job ids are derived from what is ordered, so ordering twice has no effect. Jobs
 * leave Redis when they end, so the same work can be ordered again.
 */
export function workOrders(
  queues: () => Promise<Queues>,
  { placeOrder }: Pick<Ledger, 'placeOrder'>,
) {
  const v = JOB_VERSION
  const ingest = ({ order, priority, number, due }: Turn, delay: number) =>
    effect('order:ingest', async () => {
      const data: IngestJobOrder = { v, order }
      const options = { ...jobOptions(order, number), delay }
      // An order that stood in line has waited since then.
      const since = due === null || delay > 0 ? {} : { timestamp: due }
      await (await queues())[laneOf(priority)].add('ingest', data, { ...options, ...since })
    })
  const settle = (jobId: string, id: string, delay = 0) =>
    effect('order:settle', async () => {
      const data: RequestJob = { v, step: 'settle', id }
      await (await queues()).requests.add('settle', data, {
        ...jobOptions(jobId, SETTLE_PRIORITY),
        delay,
      })
    })
  return {
    plan: (id: string, priority: Priority): Promise<void> =>
      effect('order:plan', async () => {
        const { name, data, options } = planJob(id, priority)
        await (await queues()).requests.add(name, data, options)
      }),
    /**
     * @param delay in milliseconds before it may begin, so that locked rows have time to be
     *   released
     */
    ingest: async (order: string, priority: Priority, delay = 0): Promise<void> => {
      for (const turn of await placeOrder(order, priority)) await ingest(turn, delay)
    },
    /** Orders ingest jobs whose turns are known. */
    ingestInTurn: async (turns: readonly Turn[]): Promise<void> => {
      for (const turn of turns) await ingest(turn, 0)
    },
    /** Moves an order that waits, from the lane of its former priority. A retry keeps its delay. */
    moveIngest: async (turn: Turn, from: Priority): Promise<void> => {
      const queue = (await queues())[laneOf(from)]
      const job = await queue.getJob(turn.order)
      const delay = Math.max(0, job === undefined ? 0 : job.timestamp + job.delay - Date.now())
      await effect('order:withdraw', () => queue.remove(turn.order))
      await ingest(turn, delay)
    },
    /** Lets an order that was put aside try again now. */
    recall: (order: string, priority: Priority): Promise<void> =>
      effect('order:recall', async () => {
        const job = await (await queues())[laneOf(priority)].getJob(order)
        // It may have returned meanwhile.
        if (await job?.isDelayed()) await job?.promote().catch(() => {})
      }),
    /** Changes the priority of a plan that waits. */
    movePlan: (id: string, priority: Priority): Promise<void> =>
      effect('order:plan', async () => {
        const jobId = planJob(id, priority).options.jobId ?? ''
        const { requests } = await queues()
        const job = await requests.getJob(jobId)
        try {
          await job?.changePriority({ priority: BULLMQ_PRIORITY[priority] })
        } catch (error) {
          // The plan may have ended since then.
          if ((await requests.getJob(jobId)) !== undefined) throw error
        }
      }),
    settle: (id: string): Promise<void> => settle(`s-${id.toLowerCase()}`, id),
    /** Withdraws an order that no worker has; one that a worker has stays with it. */
    withdraw: (order: string, priority: Priority): Promise<void> =>
      effect('order:withdraw', async () => {
        await (await queues())[laneOf(priority)].remove(order)
      }),
    /**
     * Settles a request that is to end early. It has its own job id: while this job ends unsent
     * chunks, the last running ingest job may order `settle`, which must not be dropped.
     */
    stop: (id: string): Promise<void> => settle(`c-${id.toLowerCase()}`, id),
    /** The same after a delay, for a deadline. */
    stopAfter: (id: string, ms: number): Promise<void> => settle(`d-${id.toLowerCase()}`, id, ms),
    /** Withdraws that once the request has ended. */
    forgetStop: (id: string): Promise<void> =>
      effect('order:forget-stop', async () => {
        await (await queues()).requests.remove(`d-${id.toLowerCase()}`)
      }),
    /** Reports a change to the caller; a request has each status once. */
    callback: ({ id, status, at }: Omit<CallbackJob, 'v'>): Promise<void> =>
      effect('order:callback', async () => {
        const data: CallbackJob = { v, id, status, at }
        const jobId = `k-${id.toLowerCase()}-${status}`
        await (await queues()).callbacks.add('callback', data, {
          ...jobOptions(jobId, 1),
          ...CALLBACK_TRIES,
        })
      }),
  }
}

/** How the job ids of plans begin. */
export const PLAN_JOB = 'p-'

/** The job that `plan` adds. */
export function planJob(id: string, priority: Priority) {
  const data: RequestJob = { v: JOB_VERSION, step: 'plan', id }
  const options = jobOptions(`${PLAN_JOB}${id.toLowerCase()}`, BULLMQ_PRIORITY[priority])
  return { name: PLAN, data, options }
}

/** Retries for more than half a day in all: 5 s, 10 s, 20 s … */
const CALLBACK_TRIES: JobsOptions = {
  attempts: 14,
  backoff: { type: 'exponential', delay: 5000, jitter: 0.2 },
}

/**
 * Only a fault of our own spends an attempt (a full disk, a bug). After half a minute of retries
 * the job leaves the queue and the sweep orders it again, so delays do not grow without limit.
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
