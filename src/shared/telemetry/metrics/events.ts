import { type Outcome, VERDICTS, type Verdict } from '../../contract/receipt.ts'
import { TERMINAL_STATUSES } from '../../contract/status.ts'
import { OPERATIONS } from '../../salesforce/errors.ts'
import { INGEST_JOB_STATES } from '../../salesforce/ingest.ts'
import { isTerminalState } from '../../salesforce/job-info.ts'
import { DEPARTURES } from '../../store/ledger/departures.ts'
import { QUEUES } from '../../store/queues/queues.ts'
import type { Instruments, MetricsRole, Recorder } from './instruments.ts'
import { type Label, label } from './labels.ts'

/**
 * Every metric that Expunge counts, defined once: its instrument, its zeros and the arguments of
 * its event follow from here, and a test compares docs/metrics.md with it. Names, types and labels
 * are a public contract. Label values come from closed sets or from the configuration, never from
 * ids.
 */

/** Fine steps up to a minute, for small requests; then up to days, for backlogs. */
const REQUEST_SECONDS = [
  0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200,
]
const PHASE_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 14_400, 43_200, 86_400]
const CALL_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

const PRODUCER: readonly MetricsRole[] = ['producer']
const BOTH: readonly MetricsRole[] = ['worker', 'producer']

/** Objects that are not in the configuration: callers may send any word. */
export const OTHER_OBJECT = 'other'

const OBJECT: Label<string> = {
  ...label.open(),
  expected: 'objects',
  show: (word, objects) => (objects.has(word) ? word : OTHER_OBJECT),
}

/** Failure codes that are not in the table of known ones. */
export const OTHER_CODE = 'OTHER'

/** The verdicts on the rows of a source. */
export const ID_VERDICTS = ['accepted', 'invalid', 'duplicate', 'excluded'] as const

/**
 * How ingest jobs end: in one of Salesforce's terminal states, `Vanished` if Salesforce no longer
 * knows the job, `Abandoned` if we gave it up, `Other` for states of a later API version.
 */
const INGEST_JOB_ENDS = [...INGEST_JOB_STATES.filter(isTerminalState), 'Vanished', 'Abandoned']

/** Why a step is retried. */
const STEP_REASONS = [
  'network',
  'org-fault',
  'not-found',
  'job-state',
  'already-uploaded',
  'refused',
  'too-large',
  'unexpected',
  'staging',
  'results',
  'internal',
] as const
/** Why rows are sent again, in chunks of the next attempt. */
const ROW_REASONS = [
  'row',
  'lock',
  'timeout',
  'quota',
  'other',
  'missing',
  'aborted',
  'vanished',
  'unreadable',
  'crashed',
] as const
export type ResendReason = (typeof ROW_REASONS)[number]
const RETRY_REASONS = [...STEP_REASONS, ...ROW_REASONS] as const
export type RetryReason = (typeof RETRY_REASONS)[number]

/**
 * Failed calls: they start at 0, so that alerts see the first one. Other statuses appear with their
 * first call: a server may answer with about a hundred.
 */
const TROUBLED_CALLS = ['401', '403', '429', '500', '503', 'network', 'timeout']

/** What each process counts: a method for each event, in the order of docs/metrics.md. */
export function defineEvents(define: Instruments) {
  return { ...requestEvents(define), ...ingestEvents(define), ...processEvents(define) }
}

function requestEvents(define: Instruments) {
  return {
    requestEnded: together(
      define.counter({
        name: 'expunge_requests_total',
        help: 'Requests that reached a terminal status.',
        unit: 'requests',
        labels: {
          org: label.org,
          // Requests for unknown objects are refused, and counted here.
          object: { ...OBJECT, values: [OTHER_OBJECT] },
          status: label.oneOf(...TERMINAL_STATUSES),
        },
      }),
      define.histogram({
        name: 'expunge_request_duration_seconds',
        help: 'From submission to the terminal status.',
        unit: 'seconds',
        labels: { org: label.org, object: OBJECT },
        buckets: REQUEST_SECONDS,
      }),
    ),
    idsRead: define.counter({
      name: 'expunge_ids_read_total',
      help: 'Rows of the sources of recorded plans, by verdict.',
      unit: 'rows',
      labels: { org: label.org, object: OBJECT, verdict: label.oneOf(...ID_VERDICTS) },
      amount: 'count',
    }),
    chunkEnded: forEachVerdict(
      define.counter({
        name: 'expunge_records_total',
        help: 'Accepted ids by outcome.',
        unit: 'ids',
        labels: {
          org: label.org,
          object: OBJECT,
          outcome: label.spelled({
            deleted: 'deleted',
            alreadyGone: 'already_gone',
            failed: 'failed',
            unprocessed: 'unprocessed',
          }),
        },
        amount: 'count',
      }),
      define.counter({
        name: 'expunge_record_failures_total',
        help: 'Failed ids by code.',
        unit: 'ids',
        labels: {
          org: label.org,
          object: OBJECT,
          code: { ...label.open(OTHER_CODE), expected: 'failureCodes' },
        },
        amount: 'count',
      }),
    ),
  }
}

function ingestEvents(define: Instruments) {
  return {
    departed: define.counter({
      name: 'expunge_departures_total',
      help: 'Ingest orders in which small requests departed from a gather set.',
      unit: 'orders',
      labels: { org: label.org, reason: label.oneOf(...DEPARTURES) },
    }),
    /** `state` is Salesforce's state or one of ours. */
    ingestJobEnded: define.counter({
      name: 'expunge_ingest_jobs_total',
      help: 'Ingest jobs by the state they ended in.',
      unit: 'ingest jobs',
      labels: { org: label.org, object: OBJECT, state: label.oneOfOr('Other', INGEST_JOB_ENDS) },
    }),
    stalled: define.gauge({
      name: 'expunge_ingest_jobs_stalled',
      help: 'Ingest jobs of this worker that made no progress in Salesforce for long.',
      unit: 'ingest jobs',
      labels: { org: label.org },
      amount: 'change',
    }),
    phaseEnded: define.histogram({
      name: 'expunge_ingest_phase_duration_seconds',
      help: 'How long an ingest job spent in a phase.',
      unit: 'seconds',
      labels: { org: label.org, object: OBJECT, phase: label.oneOf('upload', 'wait', 'collect') },
      buckets: PHASE_SECONDS,
    }),
    uploaded: define.counter({
      name: 'expunge_uploaded_bytes_total',
      help: 'CSV bytes uploaded.',
      unit: 'bytes',
      labels: { org: label.org, object: OBJECT },
      amount: 'bytes',
    }),
    retried: define.counter({
      name: 'expunge_retries_total',
      help: 'Steps and rows tried again.',
      unit: 'tries',
      labels: { org: label.org, object: OBJECT, reason: label.oneOf(...RETRY_REASONS) },
    }),
    salesforceCall: together(
      define.counter({
        name: 'expunge_salesforce_requests_total',
        help: 'Calls to Salesforce.',
        unit: 'calls',
        labels: {
          org: label.org,
          operation: label.oneOf(...OPERATIONS),
          status: label.open(...TROUBLED_CALLS),
        },
      }),
      define.histogram({
        name: 'expunge_salesforce_request_duration_seconds',
        help: 'Calls to Salesforce, until the head of the answer.',
        unit: 'seconds',
        labels: { org: label.org, operation: label.oneOf(...OPERATIONS) },
        buckets: CALL_SECONDS,
      }),
    ),
  }
}

function processEvents(define: Instruments) {
  return {
    jobRecovered: define.counter({
      name: 'expunge_jobs_recovered_total',
      help: 'Jobs taken back from a worker that no longer kept their lock.',
      unit: 'jobs',
      labels: { org: label.org, queue: label.oneOf(...QUEUES) },
    }),
    lockLost: define.counter({
      name: 'expunge_locks_lost_total',
      help: 'Jobs whose lock this worker could not keep.',
      unit: 'jobs',
      labels: { org: label.org, queue: label.oneOf(...QUEUES) },
    }),
    calledBack: define.counter({
      name: 'expunge_callbacks_total',
      help: 'Callbacks sent, by how they went.',
      unit: 'tries',
      labels: {
        org: label.org,
        result: label.oneOf('delivered', 'refused-address', 'rejected', 'unavailable'),
      },
    }),
    /** `route` is the matched pattern, never the path: a path contains ids. */
    httpAnswered: together(
      define.counter({
        name: 'expunge_http_requests_total',
        help: 'Answers of the HTTP API.',
        unit: 'calls',
        labels: { route: label.open(), method: label.open(), status: label.open<number>() },
        by: PRODUCER,
      }),
      define.histogram({
        name: 'expunge_http_request_duration_seconds',
        help: 'From the header of a request to the last byte of its answer.',
        unit: 'seconds',
        labels: { route: label.open(), method: label.open(), status: label.open<number>() },
        by: PRODUCER,
        buckets: CALL_SECONDS,
      }),
    ),
    started: define.gauge({
      name: 'expunge_build_info',
      help: 'Always 1; the version is its label.',
      unit: '1',
      labels: { version: label.open() },
      by: BOTH,
    }),
  }
}

interface At {
  readonly org: string
  readonly object: string
}

/** A chunk's counts by verdict and by code, each recorded separately. */
function forEachVerdict(
  records: Recorder<At & { readonly outcome: Verdict; readonly count: number }>,
  failures: Recorder<At & { readonly code: string; readonly count: number }>,
): Recorder<
  At & { readonly outcome: Outcome; readonly failures: Readonly<Record<string, number>> }
> {
  return ({ org, object, outcome, failures: codes }) => {
    for (const verdict of VERDICTS) {
      records({ org, object, outcome: verdict, count: outcome[verdict] })
    }
    for (const [code, count] of Object.entries(codes)) failures({ org, object, code, count })
  }
}

/** Records an event in both metrics. */
function together<A, B>(first: Recorder<A>, second: Recorder<B>): Recorder<A & B> {
  return (facts) => {
    first(facts)
    second(facts)
  }
}
