import type { Verdict } from '../../contract/receipt.ts'
import { INGEST_JOB_STATES, isTerminalState } from '../../salesforce/job-info.ts'
import { PAUSE_REASONS } from '../../store/ledger/pause.ts'

/**
 * The closed sets behind the labels, as far as nobody else has them. A value from outside that is in
 * none of them is counted under one word for all of its kind.
 */

/** Objects that the configuration does not have; callers may write any word there. */
export const OTHER_OBJECT = 'other'

export const ID_VERDICTS = ['accepted', 'invalid', 'duplicate'] as const
export type IdVerdict = (typeof ID_VERDICTS)[number]

/** The four verdicts of a receipt, as metrics spell them. */
export const OUTCOME_LABELS: Readonly<Record<Verdict, string>> = {
  deleted: 'deleted',
  alreadyGone: 'already_gone',
  failed: 'failed',
  unprocessed: 'unprocessed',
}

/** Failure codes outside the table of those that are known. */
export const OTHER_CODE = 'OTHER'

/**
 * How ingest jobs end: in one of Salesforce's terminal states, `Vanished` where Salesforce does not
 * know it any more, `Abandoned` where we gave it up, `Other` for states that a later
 * version of the API brings.
 */
export const INGEST_JOB_ENDS = [
  ...INGEST_JOB_STATES.filter(isTerminalState),
  'Vanished',
  'Abandoned',
  'Other',
]

export const INGEST_PHASES = ['upload', 'wait', 'collect'] as const
export type IngestPhase = (typeof INGEST_PHASES)[number]

/** Why a step is tried again. */
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
  'internal',
] as const
/** Why rows go again, as chunks of the next attempt. */
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
] as const
export const RETRY_REASONS = [...STEP_REASONS, ...ROW_REASONS] as const
export type RetryReason = (typeof RETRY_REASONS)[number]

/**
 * Calls that went wrong, for alerts to see their first one. All other statuses appear with it:
 * there are some hundred that a server may answer with.
 */
export const TROUBLED_CALLS = ['401', '403', '429', '500', '503', 'network', 'timeout'] as const

/** Why an org is paused. */
export const PAUSED_BY = ['operator', ...PAUSE_REASONS] as const
