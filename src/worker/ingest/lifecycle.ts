import type { Context } from '../../shared/base/context.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { outageDelay } from '../../shared/salesforce/retry.ts'
import type { IngestOrder } from '../../shared/store/ledger/record.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CollectedChunk } from './collected-chunk.ts'
import { finish, giveUp, lose } from './finish.ts'
import { type Judgement, judge } from './judge.ts'
import type { SentStep } from './peers.ts'
import { StallWatch } from './stall-watch.ts'
import { checkpointOf, type LifecycleDeps, type Step, type Work } from './step.ts'
import { close, create, redoClose, redoUpload, upload } from './steps.ts'
import { wait } from './wait.ts'

/** Answers that the API's description does not allow for are not retried for ever. */
const MOST_UNEXPECTED = 5
/** Of a job that runs: with the growing delays between them some nine minutes. */
const MOST_UNEXPECTED_WAITING = 10
/**
 * Pages in place of answers pause the org like any outage. Where they never end for a job that is
 * closed, it is treated like one that takes too long.
 */
const LONGEST_FOREIGN_MS = 24 * 3600_000

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
  const stall = new StallWatch(deps, ctx)
  const work: Work = { order, deps, stall, ctx }
  const patience = new Patience(RANK[start.checkpoint.step])
  let at: Step = start.checkpoint
  let inDoubt = start.resumed
  try {
    while (at.step !== 'done') {
      const here: Pending = at
      try {
        const begun = deps.peers.now()
        const next: Step = await advance(here, inDoubt, work)
        tellPeers(here, next, begun, work)
        const isFurther = await reach(next, here, patience, deps)
        at = next
        inDoubt = false
        await deps.visit.answered(isFurther)
      } catch (error) {
        ctx.signal.throwIfAborted()
        at = await afterFailure(error, here, patience, work)
        inDoubt ||= !isUntouched(error, here)
      }
    }
    return at.results
  } finally {
    stall.end()
  }
}

/**
 * True where an upload failed and the job certainly has no data yet: no token was to be had, or
 * Salesforce refused the call. The same job then takes the next upload, so that a refusal that lasts
 * does not leave a row of aborted jobs behind.
 */
function isUntouched(error: unknown, { step }: Pending): boolean {
  if (step !== 'upload' || !(error instanceof SalesforceError)) return false
  const { kind, operation, httpStatus } = error
  if (operation === 'token') return true
  const isRefused = httpStatus !== null && httpStatus >= 400 && httpStatus < 500
  return operation === 'upload' && kind === 'org-fault' && isRefused
}

function advance(at: Pending, inDoubt: boolean, work: Work): Promise<Step> {
  switch (at.step) {
    case 'create':
      return create(work)
    case 'upload':
      return inDoubt ? redoUpload(at.jobId, work) : upload(at.jobId, work)
    case 'close':
      return inDoubt ? redoClose(at.jobId, work) : close(at.jobId, work)
    case 'wait':
      return wait(at, work)
    case 'collect':
      return finish(at, inDoubt, work)
    case 'give-up':
      return giveUp(at.at, at.why, work)
    case 'lose':
      return lose(at.jobId, at.why, work)
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(at satisfies never)}`)
  }
}

/** Saves the checkpoint. Tells whether the job is past whatever failed before. */
async function reach(
  next: Step,
  here: Pending,
  patience: Patience,
  deps: LifecycleDeps,
): Promise<boolean> {
  if (next === here) {
    patience.renew()
    return true
  }
  const checkpoint = checkpointOf(next)
  if (checkpoint === null) return true
  await deps.save(checkpoint)
  return patience.reached(RANK[checkpoint.step])
}

/** The call that the step is for was taken, and it may be the one that another job fails at. */
function tellPeers(here: Pending, next: Step, begun: number, { deps, order }: Work): void {
  const to = checkpointOf(next)
  const { step } = here
  if (isSent(step) && to !== null && RANK[to.step] === RANK[step] + 1) {
    deps.peers.passed(step, order, begun)
  }
}

function isSent(step: Pending['step']): step is SentStep {
  return step === 'create' || step === 'upload' || step === 'close'
}

/** The same step again after a while, or the end of it. */
async function afterFailure(
  error: unknown,
  here: Pending,
  patience: Patience,
  work: Work,
): Promise<Pending> {
  const { deps, ctx } = work
  const judgement = unlessOwn(judge(error), here, patience, work)
  const { reason, afterMs } = judgement
  const failures = patience.failed(judgement, ctx.clock.now(), deps.peers.now())
  const isHeld = await tellGate(judgement, work)
  const end = endAfter(judgement, here, patience)
  if (end !== null) return end
  ctx.log.warn({ err: error, step: here.step, failures }, 'A step failed and is tried again.')
  deps.events.retried(reason)
  if (isHeld) return here
  await deps.visit.nap(Math.max(afterMs, outageDelay(failures)))
  return here
}

/** A refusal is none of the org's where another job has passed since this one met it first. */
function unlessOwn(
  judgement: Judgement,
  { step }: Pending,
  { since }: Patience,
  { deps, order }: Work,
): Judgement {
  if (judgement.kind !== 'org-fault' || !judgement.isRefusal) return judgement
  if (!isSent(step) || since === null || !deps.peers.havePassed(step, order, since)) {
    return judgement
  }
  const { reason, afterMs, code } = judgement
  const message = `${judgement.message} Other ingest jobs passed, so this is not about the org.`
  return { kind: 'unexpected', reason, afterMs, code, message }
}

/** How a step ends that is not to be tried again; null where it is. */
function endAfter(
  { kind, code, message }: Judgement,
  here: Pending,
  patience: Patience,
): Pending | null {
  const at = checkpointOf(here)
  if (at === null) return null
  const why = { code, message }
  // A page in place of an answer pauses the org first of all, however long: it may be everybody's.
  const isForeign = patience.foreignMs > LONGEST_FOREIGN_MS
  switch (at.step) {
    case 'create':
    case 'upload':
    case 'close':
      break
    case 'wait':
      return isForeign || patience.unexpected > MOST_UNEXPECTED_WAITING
        ? { step: 'lose', jobId: at.jobId, why }
        : null
    case 'collect':
      if (isForeign) return { step: 'lose', jobId: at.jobId, why }
      break
    default:
      throw new TypeError(`Unknown checkpoint ${JSON.stringify(at satisfies never)}`)
  }
  const isHopeless = kind === 'hopeless' || patience.unexpected > MOST_UNEXPECTED
  return isHopeless ? { step: 'give-up', at, why } : null
}

/** Tells whether the gate now holds the job, so that it need not wait here. */
async function tellGate(judgement: Judgement, { deps: { visit } }: Work): Promise<boolean> {
  switch (judgement.kind) {
    case 'org-fault': {
      const { pause, message, afterMs, atOnce } = judgement
      return visit.failed({ reason: pause, message, afterMs }, atOnce)
    }
    case 'unexpected':
    case 'hopeless':
      await visit.answered(true)
      return false
    case 'internal':
      await visit.release()
      return false
    default:
      throw new TypeError(`Unknown judgement ${JSON.stringify(judgement satisfies never)}`)
  }
}

/** Failures since the job was last further than ever before, or answered as it should. */
class Patience {
  #furthest: number
  #failures = 0
  #unexpected = 0
  #foreignSince: number | null = null
  #foreignMs = 0
  #since: number | null = null

  constructor(rank: number) {
    this.#furthest = rank
  }

  /**
   * Told of each failure; tells how many there have been.
   *
   * @param turn the moment of it, as peers count
   */
  failed(judgement: Judgement, now: number, turn: number): number {
    const { kind } = judgement
    this.#since ??= turn
    if (kind === 'unexpected' || kind === 'hopeless') this.#unexpected++
    if (kind === 'org-fault' && judgement.isForeign) {
      this.#foreignSince ??= now
      this.#foreignMs = now - this.#foreignSince
    }
    return ++this.#failures
  }

  /** Answers about the job that the API's description does not allow for. */
  get unexpected(): number {
    return this.#unexpected
  }

  /** For how long answers have come that are none of the API's. */
  get foreignMs(): number {
    return this.#foreignMs
  }

  /** The moment of the first failure, as peers count; null where there has been none. */
  get since(): number | null {
    return this.#since
  }

  /** Tells whether that is further than ever before. */
  reached(rank: number): boolean {
    if (rank <= this.#furthest) return false
    this.#furthest = rank
    this.renew()
    return true
  }

  renew(): void {
    this.#failures = 0
    this.#unexpected = 0
    this.#foreignSince = null
    this.#foreignMs = 0
    this.#since = null
  }
}
