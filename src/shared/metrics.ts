import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { QueueName } from './queues.ts'
import type { Outcome, TerminalStatus } from './receipt.ts'

/**
 * Every metric that Expunge emits: the only file that names one. Names and labels are a published
 * contract; labels come from closed sets, never from ids. A counter rises only after the ledger
 * has the fact, so that a repeated step is not counted twice.
 */

/** Up to a minute in fine steps: settling small requests. Then up to days: backlogs. */
const REQUEST_SECONDS = [
  0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200,
]
const PHASE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400]
const CALL_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

export type IngestPhase = 'upload' | 'wait' | 'collect'
export type IdVerdict = 'accepted' | 'invalid' | 'duplicate'

/** What the code says has happened; how it is counted is decided here. */
export interface Metrics {
  readonly registry: Registry
  requestEnded(facts: {
    org: string
    object: string
    status: TerminalStatus
    seconds: number
  }): void
  idsRead(facts: { org: string; object: string; verdict: IdVerdict; count: number }): void
  chunkEnded(facts: {
    org: string
    object: string
    outcome: Outcome
    failures: Readonly<Record<string, number>>
  }): void
  ingestJobEnded(facts: { org: string; object: string; state: string }): void
  phaseEnded(facts: { org: string; object: string; phase: IngestPhase; seconds: number }): void
  uploaded(facts: { org: string; object: string; bytes: number }): void
  retried(facts: { org: string; object: string; reason: string }): void
  stalled(facts: { org: string; change: 1 | -1 }): void
  salesforceCall(facts: { org: string; operation: string; status: string; seconds: number }): void
  jobRecovered(facts: { org: string; queue: QueueName }): void
  lockLost(facts: { org: string; queue: QueueName }): void
}

export function createMetrics({ version }: { version: string }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const counter = <const Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `expunge_${name}`, help, labelNames, registers })
  const histogram = <const Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ) => new Histogram({ name: `expunge_${name}`, help, labelNames, buckets, registers })

  new Gauge({
    name: 'expunge_build_info',
    help: 'Always 1; the version is its label.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)

  const requests = counter('requests_total', 'Requests that reached a terminal status.', [
    'org',
    'object',
    'status',
  ])
  const requestSeconds = histogram(
    'request_duration_seconds',
    'From submission to the terminal status.',
    ['org', 'object'],
    REQUEST_SECONDS,
  )
  const ids = counter('ids_read_total', 'Rows read while planning, by verdict.', [
    'org',
    'object',
    'verdict',
  ])
  const records = counter('records_total', 'Accepted ids by outcome.', ['org', 'object', 'outcome'])
  const failures = counter('record_failures_total', 'Failed ids by code.', [
    'org',
    'object',
    'code',
  ])
  const jobs = counter('ingest_jobs_total', 'Ingest jobs by the state they ended in.', [
    'org',
    'object',
    'state',
  ])
  const phaseSeconds = histogram(
    'ingest_phase_duration_seconds',
    'How long an ingest job spent in a phase.',
    ['org', 'object', 'phase'],
    PHASE_SECONDS,
  )
  const stalled = new Gauge({
    name: 'expunge_ingest_jobs_stalled',
    help: 'Ingest jobs that made no progress in Salesforce for long.',
    labelNames: ['org'],
    registers,
  })
  const uploadedBytes = counter('uploaded_bytes_total', 'CSV bytes uploaded.', ['org', 'object'])
  const retries = counter('retries_total', 'Steps and rows tried again.', [
    'org',
    'object',
    'reason',
  ])
  const calls = counter('salesforce_requests_total', 'Calls to Salesforce.', [
    'org',
    'operation',
    'status',
  ])
  const callSeconds = histogram(
    'salesforce_request_duration_seconds',
    'Duration of calls to Salesforce.',
    ['org', 'operation'],
    CALL_SECONDS,
  )
  const recovered = counter('jobs_recovered_total', 'Jobs taken over from a worker that died.', [
    'org',
    'queue',
  ])
  const locksLost = counter('locks_lost_total', 'Jobs whose lock a worker could not keep.', [
    'org',
    'queue',
  ])

  return {
    registry,
    requestEnded: ({ org, object, status, seconds }) => {
      requests.inc({ org, object, status })
      requestSeconds.observe({ org, object }, seconds)
    },
    idsRead: ({ org, object, verdict, count }) => ids.inc({ org, object, verdict }, count),
    chunkEnded: ({ org, object, outcome, failures: byCode }) => {
      records.inc({ org, object, outcome: 'deleted' }, outcome.deleted)
      records.inc({ org, object, outcome: 'already_gone' }, outcome.alreadyGone)
      records.inc({ org, object, outcome: 'failed' }, outcome.failed)
      records.inc({ org, object, outcome: 'unprocessed' }, outcome.unprocessed)
      for (const [code, count] of Object.entries(byCode)) failures.inc({ org, object, code }, count)
    },
    ingestJobEnded: ({ org, object, state }) => jobs.inc({ org, object, state }),
    phaseEnded: ({ org, object, phase, seconds }) =>
      phaseSeconds.observe({ org, object, phase }, seconds),
    uploaded: ({ org, object, bytes }) => uploadedBytes.inc({ org, object }, bytes),
    retried: ({ org, object, reason }) => retries.inc({ org, object, reason }),
    stalled: ({ org, change }) => stalled.inc({ org }, change),
    salesforceCall: ({ org, operation, status, seconds }) => {
      calls.inc({ org, operation, status })
      callSeconds.observe({ org, operation }, seconds)
    },
    jobRecovered: ({ org, queue }) => recovered.inc({ org, queue }),
    lockLost: ({ org, queue }) => locksLost.inc({ org, queue }),
  }
}
