import type { IngestOrder, Progress } from '../../shared/ledger/record.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Staging } from '../../shared/staging.ts'
import type { Context } from '../context.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CollectedChunk, Collector } from './collect.ts'

/** What a step of an ingest job gets, and what it leads to. */

/** What happens around an ingest job and is nobody's decision here: counted, shown, remembered. */
export interface LifecycleEvents {
  phaseEnded(phase: 'upload' | 'wait' | 'collect', seconds: number): void
  uploaded(bytes: number): void
  retried(reason: string): void
  stalled(change: 1 | -1): void
  progress(progress: Progress): Promise<void>
}

export interface LifecycleDeps {
  readonly api: IngestApi
  readonly staging: Staging
  readonly collector: Collector
  /** Saves a checkpoint; throws where the job is not ours any more. */
  save(checkpoint: Checkpoint): Promise<void>
  readonly events: LifecycleEvents
}

/** Everything that a step works with. */
export interface Work {
  readonly order: IngestOrder
  readonly deps: LifecycleDeps
  readonly ctx: Context
}

/** Why ids could not be sent, or what became of them not be learned. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

/** Between two checkpoints; after a crash the last checkpoint leads here again. */
export type Step =
  | Exclude<Checkpoint, { step: 'collect' }>
  /** `seen` is the terminal job as the last poll found it: reading it again would cost a call. */
  | { readonly step: 'collect'; readonly jobId: string; readonly seen?: IngestJobInfo }
  | { readonly step: 'give-up'; readonly at: Checkpoint; readonly why: Refusal }
  | { readonly step: 'done'; readonly results: readonly CollectedChunk[] }

/** What of a step outlives this process; null where nothing does. */
export function checkpointOf(step: Step): Checkpoint | null {
  switch (step.step) {
    case 'create':
    case 'upload':
    case 'close':
    case 'wait':
      return step
    case 'collect':
      return { step: 'collect', jobId: step.jobId }
    case 'give-up':
    case 'done':
      return null
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(step satisfies never)}`)
  }
}
