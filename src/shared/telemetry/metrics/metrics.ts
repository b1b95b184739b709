import type { Registry } from 'prom-client'
import { BUILT_IN_OBJECTS } from '../../contract/objects.ts'
import { type Outcome, type TerminalStatus, VERDICTS } from '../../contract/receipt.ts'
import type { QueueName } from '../../store/queues/queues.ts'
import type { MetricsRole } from './definitions.ts'
import { createInstruments, createRegistry, type Instruments } from './instruments.ts'
import {
  type IdVerdict,
  INGEST_JOB_ENDS,
  type IngestPhase,
  OTHER_OBJECT,
  OUTCOME_LABELS,
  type RetryReason,
} from './labels.ts'
import { createReadings, type ReadGauges } from './readings.ts'
import { type Expected, startAtZero } from './zero.ts'

/**
 * What the code says has happened; how it is counted is decided here. A counter of requests or
 * records rises only after the ledger has the fact, and is told by whoever entered it there, so that
 * a repeated step is not counted twice.
 */
export interface Metrics {
  readonly registry: Registry
  /** Gives everything that is to be expected its 0. Objects other than these are all counted as one. */
  expect(expected: Expected): void
  /** Says where to look, at each scrape, what is not counted but read. */
  observe(read: ReadGauges): void
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
  /** `state` is Salesforce's word, or one of ours: see {@link INGEST_JOB_ENDS}. */
  ingestJobEnded(facts: { org: string; object: string; state: string }): void
  phaseEnded(facts: { org: string; object: string; phase: IngestPhase; seconds: number }): void
  uploaded(facts: { org: string; object: string; bytes: number }): void
  retried(facts: { org: string; object: string; reason: RetryReason }): void
  stalled(facts: { org: string; change: 1 | -1 }): void
  salesforceCall(facts: { org: string; operation: string; status: string; seconds: number }): void
  jobRecovered(facts: { org: string; queue: QueueName }): void
  lockLost(facts: { org: string; queue: QueueName }): void
  calledBack(facts: { org: string; result: string }): void
  /** `route` is the pattern that matched, never the path: that has ids in it. */
  httpAnswered(facts: { route: string; method: string; status: number; seconds: number }): void
}

interface MetricsOptions {
  readonly version: string
  /** Leaves off the page what is the other's to tell. Absent: one process is both. */
  readonly role?: MetricsRole
}

export function createMetrics({ version, role }: MetricsOptions): Metrics {
  const registry = createRegistry()
  const instruments = createInstruments(registry, role ?? null)
  const observe = createReadings(registry, role ?? null)
  instruments.buildInfo.set({ version }, 1)
  const objects = new Set(BUILT_IN_OBJECTS.map(({ name }) => name))
  return {
    registry,
    expect: (expected) => {
      for (const object of expected.objects) objects.add(object)
      startAtZero(instruments, expected)
    },
    observe,
    ...counting(instruments, (object) => (objects.has(object) ? object : OTHER_OBJECT)),
  }
}

type Events = Omit<Metrics, 'registry' | 'expect' | 'observe'>

/** @param known an object's name as a label: callers may write any word */
function counting(instruments: Instruments, known: (object: string) => string): Events {
  const { requestsEnded, requestSeconds, idsRead, ingestJobs, phaseSeconds } = instruments
  const { uploadedBytes, retries, stalled, calls, callSeconds } = instruments
  const { recovered, locksLost, callbacks, httpRequests, httpSeconds } = instruments
  return {
    requestEnded: ({ org, object, status, seconds }) => {
      requestsEnded.inc({ org, object: known(object), status })
      // Submitted by the clock of another machine, it may seem to have ended before.
      requestSeconds.observe({ org, object: known(object) }, Math.max(0, seconds))
    },
    idsRead: ({ org, object, verdict, count }) =>
      idsRead.inc({ org, object: known(object), verdict }, count),
    chunkEnded: ({ org, object, outcome, failures }) => {
      const at = { org, object: known(object) }
      for (const verdict of VERDICTS) {
        instruments.records.inc({ ...at, outcome: OUTCOME_LABELS[verdict] }, outcome[verdict])
      }
      for (const [code, count] of Object.entries(failures)) {
        instruments.failures.inc({ ...at, code }, count)
      }
    },
    ingestJobEnded: ({ org, object, state }) => {
      const label = INGEST_JOB_ENDS.includes(state) ? state : 'Other'
      ingestJobs.inc({ org, object: known(object), state: label })
    },
    phaseEnded: ({ org, object, phase, seconds }) =>
      phaseSeconds.observe({ org, object: known(object), phase }, Math.max(0, seconds)),
    uploaded: ({ org, object, bytes }) => uploadedBytes.inc({ org, object: known(object) }, bytes),
    retried: ({ org, object, reason }) => retries.inc({ org, object: known(object), reason }),
    stalled: ({ org, change }) => stalled.inc({ org }, change),
    salesforceCall: ({ org, operation, status, seconds }) => {
      calls.inc({ org, operation, status })
      callSeconds.observe({ org, operation }, Math.max(0, seconds))
    },
    jobRecovered: ({ org, queue }) => recovered.inc({ org, queue }),
    lockLost: ({ org, queue }) => locksLost.inc({ org, queue }),
    calledBack: ({ org, result }) => callbacks.inc({ org, result }),
    httpAnswered: ({ route, method, status, seconds }) => {
      httpRequests.inc({ route, method, status })
      httpSeconds.observe({ route, method, status }, seconds)
    },
  }
}
