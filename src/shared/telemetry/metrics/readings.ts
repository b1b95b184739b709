import { PRIORITIES } from '../../contract/request.ts'
import { LIVE_STATUSES } from '../../contract/status.ts'
import { PAUSE_REASONS } from '../../store/ledger/pause.ts'
import type { OrgFacts } from '../../store/org-facts.ts'
import { QUEUES, type QueueName } from '../../store/queues/queues.ts'
import { QUOTA_LIMITS } from '../../store/quota.ts'
import { runOut } from '../../store/quota-state.ts'
import type { Instruments, LabelWords, MetricDefinition, Sample } from './instruments.ts'
import { label } from './labels.ts'

/** The values read at a scrape. A value that cannot be read is absent and not published. */
export interface Observed {
  readonly redisUp: boolean
  /** The used share of maxmemory. */
  readonly memoryRatio?: number
  readonly orgs?: readonly OrgFacts[]
  /** Of a worker: its orgs, and whether it works for them. */
  readonly served?: readonly { readonly org: string; readonly isServed: boolean }[]
}

/** Called for each gauge of a scrape, so one read should serve them all. Never rejects. */
export type Observe = () => Promise<Observed>

const LANES = ['bulk', 'urgent'] as const

/** The lanes of the queues of ingest jobs. */
const LANE_OF: Readonly<Record<QueueName, (typeof LANES)[number] | null>> = {
  'ingest-jobs': 'bulk',
  'ingest-jobs-urgent': 'urgent',
  requests: null,
  callbacks: null,
}

const JOB_STATES = ['waiting', 'active', 'delayed'] as const

const PAUSED_BY = ['operator', ...PAUSE_REASONS] as const

/** Every metric that is read at each scrape, with the source of its values. */
const READINGS = [
  reading(
    {
      name: 'expunge_requests',
      help: 'Live requests.',
      unit: 'requests',
      labels: { org: label.org, status: label.oneOf(...LIVE_STATUSES) },
    },
    ofOrgs(({ org, requests }) =>
      [...requests].map(([status, { count }]) => ({ labels: { org, status }, value: count })),
    ),
  ),
  reading(
    {
      name: 'expunge_oldest_request_seconds',
      help: 'Since the oldest live request was submitted; 0 where there is none.',
      unit: 'seconds',
      labels: { org: label.org, status: label.oneOf(...LIVE_STATUSES) },
    },
    ofOrgs(({ org, requests }) =>
      [...requests].map(([status, { oldestSeconds }]) => ({
        labels: { org, status },
        value: oldestSeconds,
      })),
    ),
  ),
  reading(
    {
      name: 'expunge_ingest_jobs_in_flight',
      help: 'Ingest jobs at work, over all workers.',
      unit: 'ingest jobs',
      labels: { org: label.org, lane: label.oneOf(...LANES) },
    },
    ofOrgs(({ org, queues }) =>
      [...queues].flatMap(([queue, { active }]) => {
        const lane = LANE_OF[queue]
        return lane === null ? [] : [{ labels: { org, lane }, value: active }]
      }),
    ),
  ),
  reading(
    {
      name: 'expunge_ingest_jobs_in_flight_limit',
      help: 'Ingest jobs that may be at work at once, over all workers.',
      unit: 'ingest jobs',
      labels: { org: label.org, lane: label.oneOf(...LANES) },
    },
    ofOrgs(({ org, maxInFlight, urgentInFlight }) =>
      LANES.flatMap((lane) => {
        const value = lane === 'bulk' ? maxInFlight : urgentInFlight
        return value === null ? [] : [{ labels: { org, lane }, value }]
      }),
    ),
  ),
  reading(
    {
      name: 'expunge_salesforce_limit',
      help: "The org's allowance of Salesforce in 24 hours.",
      unit: 'calls, batches',
      labels: { org: label.org, limit: label.oneOf(...QUOTA_LIMITS) },
    },
    ofOrgs(({ org, quota }) =>
      [...quota.allowances].map(([limit, { max }]) => ({ labels: { org, limit }, value: max })),
    ),
  ),
  reading(
    {
      name: 'expunge_salesforce_limit_remaining',
      help: 'What is left of it, as last heard by a worker.',
      unit: 'calls, batches',
      labels: { org: label.org, limit: label.oneOf(...QUOTA_LIMITS) },
    },
    ofOrgs(({ org, quota }) =>
      [...quota.allowances].map(([limit, { remaining }]) => ({
        labels: { org, limit },
        value: remaining,
      })),
    ),
  ),
  reading(
    {
      name: 'expunge_quota_reserve',
      help: 'What priority normal leaves of it to other users of the org; low leaves twice as much.',
      unit: 'calls, batches',
      labels: { org: label.org, limit: label.oneOf(...QUOTA_LIMITS) },
    },
    ofOrgs(({ org, quota: { allowances, reserve } }) =>
      [...allowances].map(([limit, { max }]) => ({
        labels: { org, limit },
        value: Math.floor((max * reserve[limit]) / 100),
      })),
    ),
  ),
  reading(
    {
      name: 'expunge_quota_booked',
      help: 'What ingest jobs have booked of it since Salesforce reported it.',
      unit: 'calls, batches',
      labels: { org: label.org, limit: label.oneOf(...QUOTA_LIMITS) },
    },
    ofOrgs(({ org, quota }) =>
      [...quota.allowances].map(([limit, { booked }]) => ({
        labels: { org, limit },
        value: booked,
      })),
    ),
  ),
  reading(
    {
      name: 'expunge_quota_held_ingest_jobs',
      help: 'Ingest jobs that wait because the rest of an allowance is reserved.',
      unit: 'ingest jobs',
      labels: { org: label.org, priority: label.oneOf(...PRIORITIES) },
    },
    ofOrgs(({ org, quota }) =>
      PRIORITIES.map((priority) => ({ labels: { org, priority }, value: quota.held[priority] })),
    ),
  ),
  reading(
    {
      name: 'expunge_quota_runs_out_seconds',
      help: 'Until priority normal has to wait, at the rate of this hour and the last; absent if not within a day.',
      unit: 'seconds',
      labels: { org: label.org, limit: label.oneOf(...QUOTA_LIMITS) },
    },
    ofOrgs(({ org, quota }) =>
      QUOTA_LIMITS.flatMap((limit) => {
        const at = runOut(quota, limit)
        return at === null ? [] : [{ labels: { org, limit }, value: (at - quota.now) / 1000 }]
      }),
    ),
  ),
  reading(
    {
      name: 'expunge_org_paused',
      help: 'Whether the org is paused for this reason: 1 or 0.',
      unit: '0 or 1',
      labels: { org: label.org, reason: label.oneOf(...PAUSED_BY) },
    },
    ofOrgs(({ org, pause: { operator, fault } }) =>
      PAUSED_BY.map((reason) => {
        const isPaused = reason === 'operator' ? operator !== null : fault?.reason === reason
        return { labels: { org, reason }, value: isPaused ? 1 : 0 }
      }),
    ),
  ),
  reading(
    {
      name: 'expunge_queue_jobs',
      help: 'Jobs in the queues, by state.',
      unit: 'jobs',
      labels: { org: label.org, queue: label.oneOf(...QUEUES), state: label.oneOf(...JOB_STATES) },
    },
    ofOrgs(({ org, queues }) =>
      [...queues].flatMap(([queue, jobs]) =>
        JOB_STATES.map((state) => ({ labels: { org, queue, state }, value: jobs[state] })),
      ),
    ),
  ),
  reading(
    {
      name: 'expunge_queue_oldest_waiting_seconds',
      help: 'How long the next waiting job has waited; 0 where none waits.',
      unit: 'seconds',
      labels: { org: label.org, queue: label.oneOf(...QUEUES) },
    },
    ofOrgs(({ org, queues }) =>
      [...queues].map(([queue, { oldestSeconds }]) => ({
        labels: { org, queue },
        value: oldestSeconds,
      })),
    ),
  ),
  reading(
    {
      name: 'expunge_gathering_requests',
      help: 'Small requests that wait for others to share an ingest job with.',
      unit: 'requests',
      labels: { org: label.org, priority: label.oneOf(...PRIORITIES) },
    },
    ofOrgs(({ org, gathering }) =>
      [...gathering].map(([priority, { requests }]) => ({
        labels: { org, priority },
        value: requests,
      })),
    ),
  ),
  reading(
    {
      name: 'expunge_gathering_ids',
      help: 'The ids of these requests.',
      unit: 'ids',
      labels: { org: label.org, priority: label.oneOf(...PRIORITIES) },
    },
    ofOrgs(({ org, gathering }) =>
      [...gathering].map(([priority, { ids }]) => ({ labels: { org, priority }, value: ids })),
    ),
  ),
  reading(
    {
      name: 'expunge_workers',
      help: 'Workers that gave a sign of life within the last seconds.',
      unit: 'workers',
      labels: { org: label.org },
    },
    ofOrgs(({ org, workers }) => [{ labels: { org }, value: workers }]),
  ),
  reading(
    {
      name: 'expunge_worker_org_up',
      help: 'Whether this worker works for the org: 1, or 0 if it could not log in or has stopped.',
      unit: '0 or 1',
      labels: { org: label.org },
      by: ['worker'],
    },
    ({ served = [] }) =>
      served.map(({ org, isServed }) => ({ labels: { org }, value: isServed ? 1 : 0 })),
  ),
  reading(
    {
      name: 'expunge_redis_up',
      help: 'Whether Redis answers this process, and of a worker takes its writes: 1 or 0.',
      unit: '0 or 1',
      labels: {},
      by: ['worker', 'producer'],
    },
    ({ redisUp }) => [{ labels: {}, value: redisUp ? 1 : 0 }],
  ),
  reading(
    {
      name: 'expunge_redis_memory_ratio',
      help: 'Share of maxmemory that is used; 0 where there is no maxmemory.',
      unit: 'ratio',
      labels: {},
    },
    ({ memoryRatio }) => (memoryRatio === undefined ? [] : [{ labels: {}, value: memoryRatio }]),
  ),
]

export function defineReadings(define: Instruments, observe: Observe): void {
  for (const defineReading of READINGS) defineReading(define, observe)
}

function reading<Words extends LabelWords>(
  definition: MetricDefinition<Words>,
  samples: (observed: Observed) => readonly Sample<NoInfer<Words>>[],
) {
  return (define: Instruments, observe: Observe) =>
    define.reading({ by: ['producer'], ...definition }, async () => samples(await observe()))
}

function ofOrgs<Words>(samples: (facts: OrgFacts) => readonly Words[]) {
  return ({ orgs = [] }: Observed) => orgs.flatMap(samples)
}
