import type { Job } from './jobs.ts'

/** What a client should never do. Recorded even if the answer is an ordinary error. */
export type ViolationCode =
  | 'BLANK_ROW'
  | 'CLOSED_WITHOUT_UPLOAD'
  | 'DUPLICATE_IN_JOB'
  | 'DUPLICATE_IN_RUN'
  | 'FOREIGN_PREFIX'
  | 'ILLEGAL_TRANSITION'
  | 'MALFORMED_ID'
  | 'NO_CONTENT_LENGTH'
  | 'RESULTS_TOO_EARLY'
  | 'SECOND_UPLOAD'
  | 'UNKNOWN_FIELD'
  | 'UNKNOWN_STATE'
  | 'UPLOAD_TOO_LARGE'
  | 'WRONG_CONTENT_TYPE'
  | 'WRONG_HEADER'
  | 'WRONG_LINE_ENDING'

export interface Violation {
  readonly code: ViolationCode
  readonly detail: string
}

export interface CallCount {
  readonly received: number
  /** Answers by HTTP status; `reset` counts those not written, or not completely. */
  readonly answered: Readonly<Record<string, number>>
}

export interface JobRecord {
  readonly id: string
  readonly object: string
  readonly operation: string
  readonly state: Job['state']
  readonly uploadedBytes: number
  readonly rows: number
  readonly processed: number
  readonly failed: number
  readonly createdAt: number
  readonly closedAt: number | null
  readonly finishedAt: number | null
  readonly errorMessage: string | null
  readonly gone: boolean
}

export interface QueryJobRecord {
  readonly id: string
  readonly object: string
  readonly query: string
  readonly state: 'UploadComplete' | 'InProgress' | 'JobComplete' | 'Failed' | 'Aborted'
  /** Rows that the query found so far. */
  readonly processed: number
  readonly gone: boolean
}

export interface RefereeStats {
  readonly calls: Readonly<Record<string, CallCount>>
  readonly apiRequests: number
  readonly bulkApiBatches: number
  readonly jobs: readonly JobRecord[]
  readonly queryJobs: readonly QueryJobRecord[]
  /** Jobs closed and not yet terminal: currently, and the maximum at once. */
  readonly jobsAtWork: number
  readonly maxJobsAtWork: number
  /** The same maximum, with a job counting until a client was told that it is terminal. */
  readonly maxJobsUnseen: number
  readonly uploadedBytes: number
  readonly rowsReceived: number
  readonly rowsDeleted: number
  /** Ids that came again in a later job, whether justified or not. */
  readonly rowsSentAgain: number
  /** Always 0, unless the sandbox itself has a bug. */
  readonly deletedTwice: number
  /** Verdicts given, by code, over all jobs. */
  readonly verdicts: Readonly<Record<string, number>>
  /** Rows with a verdict that no result file lists. */
  readonly missingFromResults: number
  /** How often each rule was broken, and the first 1,000 cases. */
  readonly violationCounts: Readonly<Record<string, number>>
  readonly violations: readonly Violation[]
}
