import { z } from 'zod'
import type { Context } from '../../shared/base/context.ts'
import type { ReceiptError } from '../../shared/contract/receipt.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { IngestOrder, Progress } from '../../shared/store/ledger/chunk.ts'
import type { Staging } from '../../shared/store/staging/staging.ts'
import type { Metrics } from '../../shared/telemetry/metrics/metrics.ts'
import type { Visit } from '../gate/org-gate.ts'
import type { CollectedChunk, Collector } from './collector.ts'
import type { Peers } from './peers.ts'
import type { StallWatch } from './stall-watch.ts'

/** The checkpoints of an ingest job, what a step gets, and what it leads to. */

/**
 * Where an ingest job stands, saved before the next outside effect; each state carries exactly its
 * data. The invariant behind them: Salesforce runs a job only after `UploadComplete`, so whatever
 * happened before that can be thrown away, and whatever happened after it can be read back.
 *
 * - `create`: nothing exists. After a crash: create again; a job that stays Open never runs.
 * - `upload`: the job is there, its data perhaps. After a crash: abort it and create another.
 * - `close`: the data is there. After a crash: read the state; not Open means it was closed.
 * - `wait`: Salesforce works, since `since` (ms). After a crash: poll on.
 * - `collect`: the job is terminal. After a crash: read the results again.
 *
 * `stopped` is why a running job is being aborted by us: decided before it is done, so that whoever
 * reads the results knows whose wish it was.
 *
 * `unclosed`: the job runs, or has run, though we have not closed it. Somebody else has, or it was
 * never ours: its counters prove nothing.
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

/** Undefined where the checkpoint is of a newer worker: then this one hands the job back. */
export function parseCheckpoint(json: string | null): Checkpoint | undefined {
  return json === null ? { step: 'create' } : checkpointSchema.safeParse(JSON.parse(json)).data
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
  readonly metrics: Metrics
  /** Of every event of the job that is counted. */
  readonly labels: { readonly org: string; readonly object: string }
}

/** Everything that a step works with. */
export interface Work {
  readonly order: IngestOrder
  readonly deps: LifecycleDeps
  readonly stall: StallWatch
  readonly ctx: Context
}

/** Where the work stands: at a checkpoint, or between two. After a crash the last checkpoint counts. */
export type Step =
  | Exclude<Checkpoint, { step: 'wait' | 'collect' }>
  | Waiting
  | Collecting
  /** `why` is null where the job is no longer wanted. */
  | { readonly step: 'give-up'; readonly at: Checkpoint; readonly why: ReceiptError | null }
  /** Nobody can tell what becomes of the job: its rows go again. */
  | { readonly step: 'lose'; readonly jobId: string; readonly why: ReceiptError }
  | { readonly step: 'done'; readonly results: readonly CollectedChunk[] }

/** A step that something is still to be done for. */
export type Pending = Exclude<Step, { step: 'done' }>

/** `abortedAt`: when Salesforce was told that the job is `stopped`; after a crash it is told again. */
type Waiting = Extract<Checkpoint, { step: 'wait' }> & { readonly abortedAt?: number }

/**
 * `seen` is the terminal job as the last poll found it: reading it again would cost a call. `since`
 * is for a job that turns out to run on.
 */
type Collecting = Extract<Checkpoint, { step: 'collect' }> & {
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
