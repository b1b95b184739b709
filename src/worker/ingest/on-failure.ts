import { outageDelay } from '../../shared/salesforce/retry.ts'
import { judge } from './judge.ts'
import { type Checkpoint, checkpointOf, type Pending, type Work } from './step.ts'

/** What happens after a step of an ingest job failed. */

type Judgement = ReturnType<typeof judge>

/** Maximum retries of answers that the API's description does not allow for. */
const MOST_UNEXPECTED = 5
/** The same for a running job: about nine minutes, with the growing delays in between. */
const MOST_UNEXPECTED_WAITING = 10
/**
 * Pages in place of API answers pause the org like an outage. If they last this long for a closed
 * job, the job is treated like one that takes too long.
 */
const LONGEST_FOREIGN_MS = 24 * 3600_000

/** The same step again after a delay, or the step that ends the job. */
export async function afterFailure(
  error: unknown,
  here: Pending,
  failures: FailureCount,
  work: Work,
): Promise<Pending> {
  const { deps, ctx } = work
  const judgement = unlessOwn(judge(error), here, failures, work)
  const { reason, afterMs } = judgement
  const count = failures.add(judgement, ctx.clock.now(), deps.peers.now())
  const isHeld = await tellGate(judgement, work)
  const end = endAfter(judgement, here, failures)
  if (end !== null) return end
  ctx.log.warn(
    { err: error, step: here.step, failures: count },
    'A step failed and will be retried.',
  )
  deps.metrics.retried({ ...deps.labels, reason })
  if (isHeld) return here
  await deps.visit.nap(Math.max(afterMs, outageDelay(count)))
  return here
}

/** A refusal is not the org's if another job passed the step after this one first failed. */
function unlessOwn(
  judgement: Judgement,
  { step }: Pending,
  { since }: FailureCount,
  { deps, order }: Work,
): Judgement {
  if (judgement.kind !== 'org-fault' || !judgement.isRefusal) return judgement
  if (since === null || !deps.peers.havePassed(step, order, since)) return judgement
  const { reason, afterMs, code } = judgement
  const message = `${judgement.message} Other ingest jobs passed, so this is not about the org.`
  return { kind: 'unexpected', reason, afterMs, code, message }
}

/** The step that ends the job if the failed step is not retried; null if it is. */
function endAfter(
  { kind, code, message }: Judgement,
  here: Pending,
  failures: FailureCount,
): Pending | null {
  const at = checkpointOf(here)
  if (at === null) return null
  const why = { code, message }
  // A page in place of an API answer first pauses the org for long, because it may affect all jobs.
  const isForeign = failures.foreignMs > LONGEST_FOREIGN_MS
  switch (at.step) {
    case 'create':
    case 'upload':
    case 'close':
      break
    case 'wait':
      return isForeign || failures.unexpected > MOST_UNEXPECTED_WAITING
        ? { step: 'lose', jobId: at.jobId, why }
        : null
    case 'collect':
      if (isForeign) return { step: 'lose', jobId: at.jobId, why }
      break
    default:
      throw new TypeError(`Unknown checkpoint ${JSON.stringify(at satisfies never)}`)
  }
  const isHopeless = kind === 'hopeless' || failures.unexpected > MOST_UNEXPECTED
  return isHopeless ? { step: 'give-up', at, why } : null
}

/**
 * Reports to the gate. Returns whether the gate now holds the job, so that it need not wait here.
 */
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

/** Order of the checkpoints: only a higher rank counts as progress. */
const RANK = { create: 0, upload: 1, close: 2, wait: 3, collect: 4 } as const

/** Failures since the job last got further than before or received a proper answer. */
export class FailureCount {
  #furthest: number
  #failures = 0
  #unexpected = 0
  #foreignSince: number | null = null
  #foreignMs = 0
  #since: number | null = null

  constructor(step: Checkpoint['step']) {
    this.#furthest = RANK[step]
  }

  /**
   * Counts a failure and returns the number so far.
   *
   * @param turn the time of the failure on the peers' counter
   */
  add(judgement: Judgement, now: number, turn: number): number {
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

  /** How long answers have come from something other than the API. */
  get foreignMs(): number {
    return this.#foreignMs
  }

  /** Time of the first failure on the peers' counter; null if there was none. */
  get since(): number | null {
    return this.#since
  }

  /** Whether the step is further than ever before; if so, counting restarts. */
  reached(step: Checkpoint['step']): boolean {
    const rank = RANK[step]
    if (rank <= this.#furthest) return false
    this.#furthest = rank
    this.reset()
    return true
  }

  reset(): void {
    this.#failures = 0
    this.#unexpected = 0
    this.#foreignSince = null
    this.#foreignMs = 0
    this.#since = null
  }
}
