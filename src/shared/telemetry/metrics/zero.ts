import { TERMINAL_STATUSES } from '../../contract/receipt.ts'
import { OPERATIONS } from '../../salesforce/operation.ts'
import { QUEUES } from '../../store/queues/queues.ts'
import type { Instruments } from './instruments.ts'
import {
  ID_VERDICTS,
  INGEST_JOB_ENDS,
  INGEST_PHASES,
  OTHER_CODE,
  OTHER_OBJECT,
  OUTCOME_LABELS,
  RETRY_REASONS,
  TROUBLED_CALLS,
} from './labels.ts'

/** What a process may come to count. */
export interface Expected {
  readonly orgs: readonly string[]
  readonly objects: readonly string[]
  readonly failureCodes: readonly string[]
  readonly callbackResults: readonly string[]
}

/** Gives every series that is to be expected its 0, so that rates see the first event of each. */
export function startAtZero(instruments: Instruments, expected: Expected): void {
  for (const org of expected.orgs) {
    instruments.stalled.inc({ org }, 0)
    for (const queue of QUEUES) {
      instruments.recovered.inc({ org, queue }, 0)
      instruments.locksLost.inc({ org, queue }, 0)
    }
    for (const result of expected.callbackResults) instruments.callbacks.inc({ org, result }, 0)
    for (const operation of OPERATIONS) {
      for (const status of TROUBLED_CALLS) instruments.calls.inc({ org, operation, status }, 0)
      instruments.callSeconds.zero({ org, operation })
    }
    for (const object of expected.objects) startObject(instruments, { org, object }, expected)
    for (const status of TERMINAL_STATUSES) {
      instruments.requestsEnded.inc({ org, object: OTHER_OBJECT, status }, 0)
    }
  }
}

function startObject(
  instruments: Instruments,
  at: { readonly org: string; readonly object: string },
  { failureCodes }: Expected,
): void {
  for (const status of TERMINAL_STATUSES) instruments.requestsEnded.inc({ ...at, status }, 0)
  instruments.requestSeconds.zero(at)
  for (const verdict of ID_VERDICTS) instruments.idsRead.inc({ ...at, verdict }, 0)
  for (const outcome of Object.values(OUTCOME_LABELS))
    instruments.records.inc({ ...at, outcome }, 0)
  for (const code of [...failureCodes, OTHER_CODE]) instruments.failures.inc({ ...at, code }, 0)
  for (const state of INGEST_JOB_ENDS) instruments.ingestJobs.inc({ ...at, state }, 0)
  for (const phase of INGEST_PHASES) instruments.phaseSeconds.zero({ ...at, phase })
  instruments.uploadedBytes.inc(at, 0)
  for (const reason of RETRY_REASONS) instruments.retries.inc({ ...at, reason }, 0)
}
