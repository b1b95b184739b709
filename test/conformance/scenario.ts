import type { Outcome } from '../../src/shared/contract/receipt.ts'
import type { FaultKind } from '../../src/shared/salesforce/errors.ts'
import type { PauseReason } from '../../src/shared/store/ledger/pause.ts'
import type { judge } from '../../src/worker/ingest/judge.ts'
import type { Checkpoint } from '../../src/worker/ingest/step.ts'
import type { Exchange } from './replay.ts'

/**
 * What the client must make of answers as real orgs give them. The bodies are made up, in the form of
 * recorded ones.
 */
interface Recorded {
  /** A sentence with the answers as its subject. */
  readonly title: string
  /** As in `66.0`; 66.0 where absent. */
  readonly apiVersion?: string
  readonly login?: 'client-credentials' | 'jwt'
  readonly exchanges: readonly Exchange[]
  /** Logins in all; not checked where absent. */
  readonly logins?: number
}

/** The calls that a scenario can make, by the names of the client's functions. */
export type CallName =
  | 'login'
  | 'limits'
  | 'versions'
  | 'create'
  | 'upload'
  | 'close'
  | 'abort'
  | 'get'
  | 'remove'
  | 'failedResults'
  | 'successfulResults'
  | 'unprocessedRecords'

/** One call of the client, and what it gives. */
export interface CallScenario extends Recorded {
  readonly call: CallName
  readonly gives: CallResult
}

export type CallResult =
  /** What the call resolves with has these properties; a result file is its text. */
  { readonly value: unknown } | { readonly error: CallError }

export interface CallError {
  readonly kind: FaultKind
  readonly code: string
  readonly transient?: boolean
  readonly message?: RegExp
  /** What the life cycle of an ingest job makes of it. */
  readonly judged?: ReturnType<typeof judge>['kind']
  /** The same for an org fault: why the org pauses, and whether one such answer is enough. */
  readonly pause?: PauseReason
  readonly atOnce?: boolean
}

/** The life of one ingest job, driven by the worker's own code, and what it comes to. */
export interface JobScenario extends Recorded {
  /** Where it begins; at the create where absent. */
  readonly from?: Checkpoint
  /** Ids that it carries: `id18(0)`, `id18(1)`, …; 3 where absent. */
  readonly ids?: number
  readonly operation?: 'delete' | 'hardDelete'
  readonly gives: JobResult
}

/** What is absent is nothing: no verdicts, no failures, no faults, no error. */
export interface JobResult {
  readonly outcome?: Partial<Outcome>
  readonly failures?: Readonly<Record<string, number>>
  /** Ids that go again in another ingest job. */
  readonly again?: number
  /** Of the ingest job in the receipt; JobComplete where absent, null where none has run. */
  readonly state?: string | null
  /** The code of the error in the receipt. */
  readonly error?: string | null
  /** What the org was told to pause for, in order, with `!` where one answer was enough. */
  readonly faults?: readonly (PauseReason | `${PauseReason}!`)[]
}
