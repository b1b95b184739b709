import { outageDelay } from '../../shared/salesforce/retry.ts'
import type { FailureCount } from './failure-count.ts'
import { type Judgement, judge } from './judge.ts'
import { checkpointOf, type Pending, type Work } from './step.ts'

/** What follows when a step of an ingest job has failed. */

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
