import { outageDelay } from '../../shared/salesforce/retry.ts'
import { judge } from './judge.ts'
import { type Checkpoint, checkpointOf, type Pending, type Work } from './step.ts'

/** What follows when a step of an ingest job has failed. */

type Judgement = ReturnType<typeof judge>

/** Answers outside the API's description are retried so often. */
const MOST_UNEXPECTED = 5
/** Of a job that runs: with the growing delays between them some nine minutes. */
const MOST_UNEXPECTED_WAITING = 10
/**
 * Pages in place of answers pause the org like any outage. Where they never end for a job that is
 * closed, it is treated like one that takes too long.
 */
const LONGEST_FOREIGN_MS = 24 * 3600_000

/** The same step again after a while, or the end of it. */
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
    'A step failed and is tried again.',
  )
  deps.metrics.retried({ ...deps.labels, reason })
  if (isHeld) return here
  await deps.visit.nap(Math.max(afterMs, outageDelay(count)))
  return here
}

/** A refusal is none of the org's where another job has passed since this one met it first. */
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

/** How a step ends that is not to be tried again; null where it is. */
function endAfter(
  { kind, code, message }: Judgement,
  here: Pending,
  failures: FailureCount,
): Pending | null {
  const at = checkpointOf(here)
  if (at === null) return null
  const why = { code, message }
  // A page in place of an answer pauses the org first of all, however long: it may be everybody's.
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

/** How far a job is at each checkpoint: only what leads further counts as progress. */
const RANK = { create: 0, upload: 1, close: 2, wait: 3, collect: 4 } as const

/** Failures since the job was last further than ever before, or answered as it should. */
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
   * Counts a failure; returns how many there have been.
   *
   * @param turn the moment of it, as peers count
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

  /** For how long answers have come that are none of the API's. */
  get foreignMs(): number {
    return this.#foreignMs
  }

  /** The moment of the first failure, as peers count; null where there has been none. */
  get since(): number | null {
    return this.#since
  }

  /** Whether that is further than ever before; then counting begins anew. */
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
