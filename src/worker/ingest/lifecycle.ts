import type { IngestOrder } from '../../shared/ledger/record.ts'
import type { Context } from '../context.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CollectedChunk } from './collect.ts'
import { judge } from './judge.ts'
import { retryDelay } from './poll.ts'
import { checkpointOf, type LifecycleDeps, type Step, type Work } from './step.ts'
import { close, create, finish, giveUp, redoUpload, upload, wait } from './steps.ts'

/** Answers that the API's description does not allow for are not retried for ever. */
const MOST_UNEXPECTED = 5

/** How far a job is at each checkpoint: only what leads further counts as progress. */
const RANK = { create: 0, upload: 1, close: 2, wait: 3, collect: 4 } as const

type Pending = Exclude<Step, { step: 'done' }>

/**
 * The story of one ingest job: create → upload → close → wait → collect, from wherever it stands.
 * Faults of the org are waited out here, in the slot that the job holds: they spend no attempt and
 * change no verdict. After any fault or crash the step is `inDoubt`: it may have taken effect.
 *
 * Failures are counted until the job is further than ever before. An upload that fails leads back
 * to `create`, and a create that succeeds must not make the next upload's failure the first one.
 */
export async function runIngestJob(
  order: IngestOrder,
  start: { readonly checkpoint: Checkpoint; readonly resumed: boolean },
  deps: LifecycleDeps,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  const work: Work = { order, deps, ctx }
  const patience = new Patience(RANK[start.checkpoint.step])
  let at: Step = start.checkpoint
  let inDoubt = start.resumed
  while (at.step !== 'done') {
    const here: Pending = at
    try {
      const next: Step = await advance(here, inDoubt, work)
      const checkpoint = checkpointOf(next)
      if (checkpoint !== null) {
        await deps.save(checkpoint)
        patience.reached(RANK[checkpoint.step])
      }
      at = next
      inDoubt = false
    } catch (error) {
      ctx.signal.throwIfAborted()
      at = await afterFailure(error, here, patience, work)
      inDoubt = true
    }
  }
  return at.results
}

function advance(at: Pending, inDoubt: boolean, work: Work): Promise<Step> {
  switch (at.step) {
    case 'create':
      return create(work)
    case 'upload':
      return inDoubt ? redoUpload(at.jobId, work) : upload(at.jobId, work)
    case 'close':
      return close(at.jobId, inDoubt, work)
    case 'wait':
      return wait(at, work)
    case 'collect':
      return finish(at.jobId, inDoubt ? undefined : at.seen, work)
    case 'give-up':
      return giveUp(at.at, at.why, work)
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(at satisfies never)}`)
  }
}

/** The same step again after a while, or the end of it. A job that runs is never given up. */
async function afterFailure(
  error: unknown,
  here: Pending,
  patience: Patience,
  { deps, ctx }: Work,
): Promise<Pending> {
  const { kind, reason, afterMs, code, message } = judge(error)
  const failures = patience.failed(kind === 'unexpected')
  const checkpoint = checkpointOf(here)
  const hopeless = kind === 'hopeless' || patience.exhausted
  if (hopeless && checkpoint !== null && here.step !== 'wait') {
    return { step: 'give-up', at: checkpoint, why: { code, message } }
  }
  ctx.log.warn({ err: error, step: here.step, failures }, 'A step failed and is tried again.')
  deps.events.retried(reason)
  const delay = Math.max(afterMs, retryDelay(failures - 1, Math.random()))
  await ctx.clock.sleep(delay, ctx.signal)
  return here
}

/** Failures since the job was last further than ever before. */
class Patience {
  #furthest: number
  #failures = 0
  #unexpected = 0

  constructor(rank: number) {
    this.#furthest = rank
  }

  /** Told of each failure; tells how many there have been. */
  failed(unexpected: boolean): number {
    if (unexpected) this.#unexpected++
    return ++this.#failures
  }

  get exhausted(): boolean {
    return this.#unexpected > MOST_UNEXPECTED
  }

  reached(rank: number): void {
    if (rank <= this.#furthest) return
    this.#furthest = rank
    this.#failures = 0
    this.#unexpected = 0
  }
}
