import type { Context } from '../../shared/base/context.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { IngestOrder, Progress } from '../../shared/store/ledger/record.ts'
import type { Staging } from '../../shared/store/staging/staging.ts'
import type { RetryReason } from '../../shared/telemetry/metrics/events.ts'
import type { Visit } from '../gate/org-gate.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CollectedChunk } from './collected-chunk.ts'
import type { Collector } from './collector.ts'
import type { Peers } from './peers.ts'
import type { StallWatch } from './stall-watch.ts'

/** What a step of an ingest job gets, and what it leads to. */

/** What happens around an ingest job and is nobody's decision here: counted, shown, remembered. */
interface LifecycleEvents {
  phaseEnded(phase: 'upload' | 'wait' | 'collect', seconds: number): void
  uploaded(bytes: number): void
  retried(reason: RetryReason): void
  stalled(change: 1 | -1): void
}

export interface LifecycleDeps {
  readonly api: IngestApi
  readonly staging: Staging
  readonly collector: Collector
  /** Asked before every call whether the org takes it and the job is still wanted. */
  readonly visit: Omit<Visit, typeof Symbol.asyncDispose>
  /** The other ingest jobs of the org. */
  readonly peers: Peers
  /** Saves a checkpoint; throws where the job is not ours any more. */
  save(checkpoint: Checkpoint): Promise<void>
  /**
   * Notes how far Salesforce is. True where the job is to be aborted, because its request seems to go
   * wrong; throws where the job is not ours any more.
   */
  saveProgress(progress: Progress): Promise<boolean>
  readonly events: LifecycleEvents
}

/** Everything that a step works with. */
export interface Work {
  readonly order: IngestOrder
  readonly deps: LifecycleDeps
  readonly stall: StallWatch
  readonly ctx: Context
}

/** Between two checkpoints; after a crash the last checkpoint leads here again. */
export type Step =
  | Exclude<Checkpoint, { step: 'wait' | 'collect' }>
  | Waiting
  | Collecting
  /** `why` is null where the job is no longer wanted. */
  | { readonly step: 'give-up'; readonly at: Checkpoint; readonly why: ReceiptError | null }
  /** Nobody can tell what becomes of the job: its rows go again. */
  | { readonly step: 'lose'; readonly jobId: string; readonly why: ReceiptError }
  | { readonly step: 'done'; readonly results: readonly CollectedChunk[] }

/** `abortedAt`: when Salesforce was told that the job is `stopped`; after a crash it is told again. */
export type Waiting = Extract<Checkpoint, { step: 'wait' }> & { readonly abortedAt?: number }

/**
 * `seen` is the terminal job as the last poll found it: reading it again would cost a call. `since`
 * is for a job that turns out to run on.
 */
export type Collecting = Extract<Checkpoint, { step: 'collect' }> & {
  readonly seen?: IngestJobInfo
  readonly since?: number
}

/** What of a step outlives this process; null where nothing does. */
export function checkpointOf(step: Step): Checkpoint | null {
  switch (step.step) {
    case 'create':
    case 'upload':
    case 'close':
      return step
    case 'wait': {
      const { abortedAt: _, ...checkpoint } = step
      return checkpoint
    }
    case 'collect': {
      const { seen: _, since: __, ...checkpoint } = step
      return checkpoint
    }
    case 'give-up':
    case 'lose':
    case 'done':
      return null
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(step satisfies never)}`)
  }
}
