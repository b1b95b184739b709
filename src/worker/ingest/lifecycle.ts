import type { IngestOrder, Progress } from '../../shared/ledger/record.ts'
import { NO_OUTCOME } from '../../shared/receipt.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestApi, IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { isTerminalState } from '../../shared/salesforce/ingest.ts'
import { type Staging, StagingError } from '../../shared/staging.ts'
import { type Context, NotOursError } from '../context.ts'
import type { Checkpoint } from './checkpoint.ts'
import { type CollectedChunk as ChunkResult, type Collector, collect } from './collect.ts'
import { pollInterval, retryDelay } from './poll.ts'
import { csvBody, csvLength } from './upload.ts'

/** What happens around an ingest job and is nobody's decision here: counted, shown, remembered. */
export interface LifecycleEvents {
  phaseEnded(phase: 'upload' | 'wait' | 'collect', seconds: number): void
  uploaded(bytes: number): void
  ended(state: string): void
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

/** Salesforce gives up on a batch after 20 tries of 5 minutes: a day is past every honest wait. */
export const LONGEST_WAIT_MS = 24 * 3600_000
/** Without any change for so long a job counts as stalled: reported, not touched. */
export const STALLED_AFTER_MS = 15 * 60_000
/** Answers that the API's description does not allow are not retried for ever. */
const MOST_UNEXPECTED = 5

interface Refusal {
  readonly code: string
  readonly message: string
}

/** A step beyond the checkpoints is never saved: after a crash the last checkpoint leads to it again. */
type Step =
  | Checkpoint
  | { readonly step: 'give-up'; readonly at: Checkpoint; readonly why: Refusal }
  | { readonly step: 'done'; readonly results: readonly ChunkResult[] }

/**
 * The story of one ingest job: create → upload → close → wait → collect, from wherever it stands.
 * Faults of the org are waited out here, in the slot that the job holds: they spend no attempt and
 * change no verdict. After any fault or crash the step is `inDoubt`: it may have taken effect.
 */
export async function runIngestJob(
  order: IngestOrder,
  start: { readonly checkpoint: Checkpoint; readonly resumed: boolean },
  deps: LifecycleDeps,
  ctx: Context,
): Promise<readonly ChunkResult[]> {
  let at: Step = start.checkpoint
  let inDoubt = start.resumed
  let failures = 0
  while (at.step !== 'done') {
    const here: Exclude<Step, { step: 'done' }> = at
    try {
      const next: Step = await advance(here, inDoubt, order, deps, ctx)
      if (next.step !== 'done' && next.step !== 'give-up') await deps.save(next)
      at = next
      inDoubt = false
      failures = 0
    } catch (error) {
      ctx.signal.throwIfAborted()
      const judgement = judge(error, failures)
      if (judgement.kind === 'hopeless' && here.step !== 'give-up') {
        const { code, message } = judgement
        at = { step: 'give-up', at: here, why: { code, message } }
      } else {
        ctx.log.warn({ err: error, step: here.step, failures }, 'A step failed and is tried again.')
        deps.events.retried(judgement.reason)
        const delay = Math.max(judgement.afterMs, retryDelay(failures, Math.random()))
        await ctx.clock.sleep(delay, ctx.signal)
      }
      failures++
      inDoubt = true
    }
  }
  return at.results
}

async function advance(
  at: Exclude<Step, { step: 'done' }>,
  inDoubt: boolean,
  order: IngestOrder,
  deps: LifecycleDeps,
  ctx: Context,
): Promise<Step> {
  switch (at.step) {
    case 'create': {
      const { object, operation } = order
      const job = await deps.api.create({ object, operation }, ctx.signal)
      ctx.log.info({ ingestJob: job.id }, 'Ingest job created.')
      return { step: 'upload', jobId: job.id }
    }
    case 'upload':
      return inDoubt ? redoUpload(at.jobId, deps, ctx) : upload(at.jobId, order, deps, ctx)
    case 'close':
      return close(at.jobId, inDoubt, deps, ctx)
    case 'wait':
      return wait(at, deps, ctx, order)
    case 'collect':
      return finish(at.jobId, order, deps, ctx)
    case 'give-up':
      return giveUp(at.at, order, at.why, deps, ctx)
    default:
      throw new TypeError(`Unknown checkpoint ${JSON.stringify(at satisfies never)}`)
  }
}

async function upload(
  jobId: string,
  order: IngestOrder,
  deps: LifecycleDeps,
  ctx: Context,
): Promise<Step> {
  const begun = ctx.clock.now()
  const bytes = csvLength(idsOf(order))
  const stream = csvBody(order.chunks, deps.staging)
  await deps.api.upload(jobId, { bytes, stream }, ctx.signal)
  deps.events.uploaded(bytes)
  deps.events.phaseEnded('upload', (ctx.clock.now() - begun) / 1000)
  return { step: 'close', jobId }
}

/** Whether the data arrived cannot be known, and a job takes but one upload: begin with another. */
async function redoUpload(jobId: string, { api }: LifecycleDeps, ctx: Context): Promise<Step> {
  const job = await found(api.get(jobId, ctx.signal))
  if (job === null) return { step: 'create' }
  if (job.state !== 'Open') return { step: 'wait', jobId, since: ctx.clock.now() }
  await found(api.abort(jobId, ctx.signal))
  ctx.log.info(
    { ingestJob: jobId },
    'Upload in doubt: the ingest job was aborted, another takes its place.',
  )
  return { step: 'create' }
}

async function close(
  jobId: string,
  inDoubt: boolean,
  { api }: LifecycleDeps,
  ctx: Context,
): Promise<Step> {
  const since = ctx.clock.now()
  if (inDoubt) {
    const job = await found(api.get(jobId, ctx.signal))
    if (job === null) return { step: 'create' }
    if (job.state !== 'Open') return { step: 'wait', jobId, since }
  }
  await api.close(jobId, ctx.signal)
  return { step: 'wait', jobId, since }
}

async function wait(
  { jobId, since }: { jobId: string; since: number },
  deps: LifecycleDeps,
  ctx: Context,
  order: IngestOrder,
): Promise<Step> {
  const watch = new StallWatch(deps, ctx, jobId)
  try {
    for (;;) {
      const age = ctx.clock.now() - since
      await ctx.clock.sleep(pollInterval(age, Math.random()), ctx.signal)
      const job = await found(deps.api.get(jobId, ctx.signal))
      if (job === null) return vanished(order, deps)
      if (isTerminalState(job.state)) {
        deps.events.phaseEnded('wait', (ctx.clock.now() - since) / 1000)
        return { step: 'collect', jobId }
      }
      await watch.see(job)
      if (ctx.clock.now() - since > LONGEST_WAIT_MS) await found(deps.api.abort(jobId, ctx.signal))
    }
  } finally {
    watch.end()
  }
}

async function finish(
  jobId: string,
  order: IngestOrder,
  deps: LifecycleDeps,
  ctx: Context,
): Promise<Step> {
  const begun = ctx.clock.now()
  const job = await found(deps.api.get(jobId, ctx.signal))
  if (job === null) return vanished(order, deps)
  const results = await collect(job, order, deps.collector, ctx)
  deps.events.ended(job.state)
  deps.events.phaseEnded('collect', (ctx.clock.now() - begun) / 1000)
  return { step: 'done', results }
}

/** Salesforce knows the job no more, nor then what became of its rows. */
function vanished(order: IngestOrder, { events }: LifecycleDeps): Step {
  events.ended('Vanished')
  return {
    step: 'done',
    results: unprocessed(order, {
      code: 'JOB_VANISHED',
      message:
        'Salesforce does not know the ingest job any more; what became of its rows is not known.',
    }),
  }
}

/** Nothing of these chunks can be sent; their ids end unprocessed, with the reason. */
export function unprocessed(order: IngestOrder, error: Refusal): readonly ChunkResult[] {
  return order.chunks.map((ref) => ({
    ref,
    outcome: {
      outcome: { ...NO_OUTCOME, unprocessed: ref.count },
      failures: {},
      job: null,
      error,
    },
  }))
}

type Judgement = { readonly reason: string; readonly afterMs: number } & (
  | { readonly kind: 'again' }
  | ({ readonly kind: 'hopeless' } & Refusal)
)

function judge(error: unknown, failures: number): Judgement {
  if (error instanceof NotOursError) throw error
  if (error instanceof StagingError) {
    return {
      kind: 'hopeless',
      reason: 'staging',
      afterMs: 0,
      code: error.code,
      message: error.message,
    }
  }
  // Our own trouble, a full disk for one. What Salesforce did must be written down all the same.
  if (!(error instanceof SalesforceError)) return { kind: 'again', reason: 'internal', afterMs: 0 }
  const { kind, code, message, retryAfterMs } = error
  switch (kind) {
    case 'org-fault': {
      const reason = error.httpStatus === null ? 'network' : kind
      return { kind: 'again', reason, afterMs: retryAfterMs ?? 0 }
    }
    case 'job-state':
    case 'already-uploaded':
    case 'not-found':
    case 'unexpected':
      return failures < MOST_UNEXPECTED
        ? { kind: 'again', reason: kind, afterMs: 0 }
        : { kind: 'hopeless', reason: kind, afterMs: 0, code, message }
    case 'refused':
    case 'too-large':
      return { kind: 'hopeless', reason: kind, afterMs: 0, code, message }
    default:
      throw new TypeError(`Unknown kind of fault ${String(kind satisfies never)}`)
  }
}

/**
 * Ends a job that cannot be carried through, but only one that Salesforce has not begun: what is
 * reported as not sent must not run later. A job that runs is followed to its end whatever happens.
 */
async function giveUp(
  at: Checkpoint,
  order: IngestOrder,
  error: Refusal,
  deps: LifecycleDeps,
  ctx: Context,
): Promise<Step> {
  if (at.step === 'wait') return at
  if (at.step === 'upload' || at.step === 'close') {
    const job = await found(deps.api.get(at.jobId, ctx.signal))
    if (job !== null && job.state !== 'Open')
      return { step: 'wait', jobId: at.jobId, since: ctx.clock.now() }
    if (job !== null) await found(deps.api.abort(at.jobId, ctx.signal))
  }
  deps.events.ended('Abandoned')
  ctx.log.error({ code: error.code, step: at.step }, `Ingest job given up: ${error.message}`)
  return { step: 'done', results: unprocessed(order, error) }
}

async function found(call: Promise<IngestJobInfo>): Promise<IngestJobInfo | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return null
    throw error
  }
}

function idsOf(order: IngestOrder): number {
  return order.chunks.reduce((sum, { count }) => sum + count, 0)
}

/** Tells when a job stands still in Salesforce, and when it moves again. */
class StallWatch {
  readonly #deps: LifecycleDeps
  readonly #ctx: Context
  readonly #jobId: string
  #last = ''
  #movedAt: number
  #stalled = false

  constructor(deps: LifecycleDeps, ctx: Context, jobId: string) {
    this.#deps = deps
    this.#ctx = ctx
    this.#jobId = jobId
    this.#movedAt = ctx.clock.now()
  }

  async see(job: IngestJobInfo): Promise<void> {
    const now = this.#ctx.clock.now()
    const seen = `${job.state} ${job.numberRecordsProcessed} ${job.systemModstamp ?? ''}`
    if (seen !== this.#last) {
      this.#last = seen
      this.#movedAt = now
      this.end()
      await this.#deps.events.progress({
        processed: job.numberRecordsProcessed,
        failed: job.numberRecordsFailed,
      })
    } else if (!this.#stalled && now - this.#movedAt > STALLED_AFTER_MS) {
      this.#stalled = true
      this.#deps.events.stalled(1)
      this.#ctx.log.warn(
        { ingestJob: this.#jobId, state: job.state },
        `No progress in Salesforce for ${Math.round((now - this.#movedAt) / 60_000)} minutes; still waiting.`,
      )
    }
  }

  end(): void {
    if (this.#stalled) this.#deps.events.stalled(-1)
    this.#stalled = false
  }
}
