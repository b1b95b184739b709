import { z } from 'zod'
import type { Context } from '../../shared/base/context.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { ChunkRef, IngestOrder, Progress } from '../../shared/store/ledger/chunk.ts'
import type { Staging } from '../../shared/store/staging/staging.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import type { QuotaGovernor } from '../gate/governor.ts'
import type { Visit } from '../gate/org-gate.ts'
import type { CollectedChunk, Collector } from './collector.ts'
import type { Peers } from './peers.ts'
import type { StallWatch } from './stall-watch.ts'

/** The checkpoints of an ingest job, what a step receives, and what it leads to. */

/**
 * Where an ingest job stands, saved before the next external effect; each state carries exactly its
 * data. The invariant: Salesforce runs a job only after `UploadComplete`, so everything before that
 * can be discarded, and everything after it can be read back.
 *
 * - `create`: nothing exists. After a crash: create again; a job that stays Open never runs.
 * - `upload`: the job exists, perhaps with its data. After a crash: abort it and create another.
 * - `close`: the data is there. After a crash: read the state; not Open means it was closed.
 * - `wait`: Salesforce has been working since `since` (ms). After a crash: continue polling.
 * - `collect`: the job is terminal. After a crash: read the results again.
 *
 * `stopped` is why we abort a running job. It is saved before the abort, so that the step that
 * reads the results knows the reason.
 *
 * `unclosed`: the job runs, or ran, although we did not close it. Another client did, or the job
 * was never ours, so its counters prove nothing.
 */
const jobId = z.string().min(1)
const stopped = z.enum(['requests', 'operator', 'overdue', 'suspect']).optional()
const unclosed = z.literal(true).optional()
const checkpointSchema = z.discriminatedUnion('step', [
  z.strictObject({ step: z.literal('create') }),
  z.strictObject({ step: z.literal('upload'), jobId }),
  z.strictObject({ step: z.literal('close'), jobId }),
  z.strictObject({ step: z.literal('wait'), jobId, since: z.int(), stopped, unclosed }),
  z.strictObject({ step: z.literal('collect'), jobId, stopped, unclosed }),
])

export type Checkpoint = Readonly<z.output<typeof checkpointSchema>>

/** Undefined if a newer worker wrote the checkpoint; this worker then hands the job back. */
export function parseCheckpoint(json: string | null): Checkpoint | undefined {
  return json === null ? { step: 'create' } : checkpointSchema.safeParse(JSON.parse(json)).data
}

export interface LifecycleDeps {
  readonly api: IngestApi
  readonly staging: Staging
  readonly collector: Collector
  /** Asked before every call: whether the org accepts calls and the job is still wanted. */
  readonly visit: Omit<Visit, typeof Symbol.asyncDispose>
  /** Knows how short the org's API calls are. */
  readonly governor: Pick<QuotaGovernor, 'scarcity'>
  /** The other ingest jobs of the org. */
  readonly peers: Peers
  /**
   * The order as it is now: while it waits to begin, requests that are to end may leave it. Null if
   * none is left; throws if the job is no longer ours.
   */
  retake(): Promise<IngestOrder | null>
  /**
   * Records what ended of the order, and the order without it; throws if the job is no longer ours.
   */
  leave(rest: IngestOrder, ended: readonly CollectedChunk[]): Promise<void>
  /** Saves a checkpoint; throws if the job is no longer ours. */
  save(checkpoint: Checkpoint): Promise<void>
  /**
   * Records Salesforce's progress. True if the job is to be aborted because its request seems to go
   * wrong; throws if the job is no longer ours.
   */
  saveProgress(progress: Progress): Promise<boolean>
  readonly metrics: Metrics
  /** Labels of all metrics of the job. */
  readonly labels: { readonly org: string; readonly object: string }
}

/** Everything that a step needs. */
export interface Work {
  /** As in the ledger. Until the upload, chunks may leave it. */
  order: IngestOrder
  readonly deps: LifecycleDeps
  readonly stall: StallWatch
  readonly ctx: Context
}

/**
 * Where the work stands: at a checkpoint or between two. After a crash the last checkpoint counts.
 */
export type Step =
  | Exclude<Checkpoint, { step: 'wait' | 'collect' }>
  | Waiting
  | Collecting
  /** These chunks end without being sent, each with its reason; null if its request is to end. */
  | {
      readonly step: 'leave'
      readonly at: Extract<Checkpoint, { step: 'create' | 'upload' }>
      readonly leaving: ReadonlyMap<ChunkRef, ReceiptError | null>
    }
  /** `why` is null if the job is no longer wanted. */
  | { readonly step: 'give-up'; readonly at: Checkpoint; readonly why: ReceiptError | null }
  /** The fate of the job is unknown: its rows are retried. */
  | { readonly step: 'lose'; readonly jobId: string; readonly why: ReceiptError }
  | { readonly step: 'done'; readonly results: readonly CollectedChunk[] }

/** A step that is not done. */
export type Pending = Exclude<Step, { step: 'done' }>

/**
 * `abortedAt`: when we aborted the `stopped` job in Salesforce; after a crash the abort is
 * repeated.
 */
type Waiting = Extract<Checkpoint, { step: 'wait' }> & { readonly abortedAt?: number }

/**
 * `seen` is the terminal job from the last poll, kept to save a call. `since` is needed if the job
 * turns out to be running.
 */
type Collecting = Extract<Checkpoint, { step: 'collect' }> & {
  readonly seen?: IngestJobInfo
  readonly since?: number
}

/** The part of a step to save; null if there is none. */
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
    case 'leave':
    case 'give-up':
    case 'lose':
    case 'done':
      return null
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(step satisfies never)}`)
  }
}
