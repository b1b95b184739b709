/**
 * Every metric that Expunge emits: the only file that names one. Names, types and labels are a
 * published contract, told in docs/metrics.md; labels come from closed sets, never from ids.
 */

/** Which process has it on its page. */
export type MetricsRole = 'worker' | 'producer'

interface Definition<Type extends string, Label extends string> {
  readonly name: string
  readonly type: Type
  readonly help: string
  readonly labels: readonly Label[]
  readonly by: readonly MetricsRole[]
}
export type CounterDefinition<Label extends string = string> = Definition<'counter', Label>
export type GaugeDefinition<Label extends string = string> = Definition<'gauge', Label>
export type HistogramDefinition<Label extends string = string> = Definition<'histogram', Label> & {
  readonly buckets: readonly number[]
}

/** Up to a minute in fine steps: settling small requests. Then up to days: backlogs. */
const REQUEST_SECONDS = [
  0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200,
]
const PHASE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400]
const CALL_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

const WORKER = ['worker'] as const
const PRODUCER = ['producer'] as const
const BOTH = [...WORKER, ...PRODUCER] as const

/** What each process counts for itself. */
export const COUNTED = {
  requestsEnded: counter(
    'expunge_requests_total',
    ['org', 'object', 'status'],
    'Requests that reached a terminal status.',
  ),
  requestSeconds: histogram(
    'expunge_request_duration_seconds',
    ['org', 'object'],
    'From submission to the terminal status.',
    REQUEST_SECONDS,
  ),
  idsRead: counter(
    'expunge_ids_read_total',
    ['org', 'object', 'verdict'],
    'Rows of the sources of recorded plans, by verdict.',
  ),
  records: counter(
    'expunge_records_total',
    ['org', 'object', 'outcome'],
    'Accepted ids by outcome.',
  ),
  failures: counter(
    'expunge_record_failures_total',
    ['org', 'object', 'code'],
    'Failed ids by code.',
  ),
  ingestJobs: counter(
    'expunge_ingest_jobs_total',
    ['org', 'object', 'state'],
    'Ingest jobs by the state they ended in.',
  ),
  stalled: gauge(
    'expunge_ingest_jobs_stalled',
    ['org'],
    'Ingest jobs of this worker that made no progress in Salesforce for long.',
  ),
  phaseSeconds: histogram(
    'expunge_ingest_phase_duration_seconds',
    ['org', 'object', 'phase'],
    'How long an ingest job spent in a phase.',
    PHASE_SECONDS,
  ),
  uploadedBytes: counter('expunge_uploaded_bytes_total', ['org', 'object'], 'CSV bytes uploaded.'),
  retries: counter(
    'expunge_retries_total',
    ['org', 'object', 'reason'],
    'Steps and rows tried again.',
  ),
  calls: counter(
    'expunge_salesforce_requests_total',
    ['org', 'operation', 'status'],
    'Calls to Salesforce.',
  ),
  callSeconds: histogram(
    'expunge_salesforce_request_duration_seconds',
    ['org', 'operation'],
    'Calls to Salesforce, until the head of the answer.',
    CALL_SECONDS,
  ),
  recovered: counter(
    'expunge_jobs_recovered_total',
    ['org', 'queue'],
    'Jobs taken back from a worker that no longer kept their lock.',
  ),
  locksLost: counter(
    'expunge_locks_lost_total',
    ['org', 'queue'],
    'Jobs whose lock this worker could not keep.',
  ),
  callbacks: counter(
    'expunge_callbacks_total',
    ['org', 'result'],
    'Callbacks sent, by how they went.',
  ),
  httpRequests: counter(
    'expunge_http_requests_total',
    ['route', 'method', 'status'],
    'Answers of the HTTP API.',
    PRODUCER,
  ),
  httpSeconds: histogram(
    'expunge_http_request_duration_seconds',
    ['route', 'method', 'status'],
    'From the header of a request to the last byte of its answer.',
    CALL_SECONDS,
    PRODUCER,
  ),
  buildInfo: gauge('expunge_build_info', ['version'], 'Always 1; the version is its label.', BOTH),
} as const

/** What is looked up at each scrape; what cannot be read is not shown, never shown stale. */
export const READ = {
  requests: reading('expunge_requests', ['org', 'status'], 'Live requests.'),
  oldestRequest: reading(
    'expunge_oldest_request_seconds',
    ['org', 'status'],
    'Since the oldest live request was submitted; 0 where there is none.',
  ),
  inFlight: reading(
    'expunge_ingest_jobs_in_flight',
    ['org', 'lane'],
    'Ingest jobs at work, over all workers.',
  ),
  inFlightLimit: reading(
    'expunge_ingest_jobs_in_flight_limit',
    ['org', 'lane'],
    'Ingest jobs that may be at work at once, over all workers.',
  ),
  limit: reading(
    'expunge_salesforce_limit',
    ['org', 'limit'],
    "The org's allowance of Salesforce in 24 hours.",
  ),
  limitRemaining: reading(
    'expunge_salesforce_limit_remaining',
    ['org', 'limit'],
    'What is left of it, as last heard by a worker.',
  ),
  paused: reading(
    'expunge_org_paused',
    ['org', 'reason'],
    'Whether the org is paused for this reason: 1 or 0.',
  ),
  queueJobs: reading(
    'expunge_queue_jobs',
    ['org', 'queue', 'state'],
    'Jobs in the queues, by state.',
  ),
  oldestWaiting: reading(
    'expunge_queue_oldest_waiting_seconds',
    ['org', 'queue'],
    'Since the oldest waiting job was ordered; 0 where none waits.',
  ),
  workers: reading(
    'expunge_workers',
    ['org'],
    'Workers that gave a sign of life within the last seconds.',
  ),
  redisUp: reading(
    'expunge_redis_up',
    [],
    'Whether Redis answers this process, and of a worker takes its writes: 1 or 0.',
    BOTH,
  ),
  redisMemory: reading(
    'expunge_redis_memory_ratio',
    [],
    'Share of maxmemory that is used; 0 where there is no maxmemory.',
  ),
} as const

function counter<const Label extends string>(
  name: string,
  labels: readonly Label[],
  help: string,
  by: readonly MetricsRole[] = WORKER,
): CounterDefinition<Label> {
  return { name, type: 'counter', labels, help, by }
}

function gauge<const Label extends string>(
  name: string,
  labels: readonly Label[],
  help: string,
  by: readonly MetricsRole[] = WORKER,
): GaugeDefinition<Label> {
  return { name, type: 'gauge', labels, help, by }
}

function reading<const Label extends string = never>(
  name: string,
  labels: readonly Label[],
  help: string,
  by: readonly MetricsRole[] = PRODUCER,
): GaugeDefinition<Label> {
  return gauge(name, labels, help, by)
}

function histogram<const Label extends string>(
  name: string,
  labels: readonly Label[],
  help: string,
  buckets: readonly number[],
  by: readonly MetricsRole[] = WORKER,
): HistogramDefinition<Label> {
  return { name, type: 'histogram', labels, help, buckets, by }
}
