import type { Context } from '../../shared/base/context.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestOrder } from '../../shared/store/ledger/chunk.ts'
import type { CollectedChunk } from './collector.ts'
import { finish, giveUp, lose } from './finish.ts'
import { leave } from './leave.ts'
import { afterFailure, FailureCount } from './on-failure.ts'
import { StallWatch } from './stall-watch.ts'
import {
  type Checkpoint,
  checkpointOf,
  type LifecycleDeps,
  type Pending,
  type Step,
  type Work,
} from './step.ts'
import { close, create, upload } from './steps.ts'
import { wait } from './wait.ts'

/**
 * Runs one ingest job from any checkpoint: create → upload → close → wait → collect. Org faults are
 * waited out here, in the job's slot; they spend no attempt and change no verdict. After any
 * failure or crash the step is `inDoubt`: it may have taken effect.
 *
 * Failures are counted until the job gets further than ever before. A failed upload leads back to
 * `create`, and the create that then succeeds must not reset the count of failed uploads.
 */
export async function runIngestJob(
  order: IngestOrder,
  start: { readonly checkpoint: Checkpoint; readonly resumed: boolean },
  deps: LifecycleDeps,
  ctx: Context,
): Promise<readonly CollectedChunk[]> {
  const stall = new StallWatch(deps, ctx)
  const work: Work = { order, deps, stall, ctx }
  const failures = new FailureCount(start.checkpoint.step)
  let at: Step = start.checkpoint
  let inDoubt = start.resumed
  try {
    while (at.step !== 'done') {
      const here: Pending = at
      try {
        const begun = deps.peers.now()
        const next: Step = await advance(here, inDoubt, work)
        deps.peers.moved(here.step, next.step, order, begun)
        const isFurther = await reach(next, here, failures, deps)
        at = next
        inDoubt = false
        await deps.visit.answered(isFurther)
      } catch (error) {
        ctx.signal.throwIfAborted()
        at = await afterFailure(error, here, failures, work)
        inDoubt ||= !isUntouched(error, here)
      }
    }
    return at.results
  } finally {
    stall.end()
  }
}

/**
 * True if an upload failed and the job certainly has no data yet: no token was available, or
 * Salesforce refused the call. The next upload then uses the same job, so that a lasting refusal
 * does not leave many aborted jobs behind.
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
      return upload(at.jobId, inDoubt, work)
    case 'close':
      return close(at.jobId, inDoubt, work)
    case 'wait':
      return wait(at, work)
    case 'collect':
      return finish(at, inDoubt, work)
    case 'leave':
      return leave(at, work)
    case 'give-up':
      return giveUp(at.at, at.why, work)
    case 'lose':
      return lose(at.jobId, at.why, work)
    default:
      throw new TypeError(`Unknown step ${JSON.stringify(at satisfies never)}`)
  }
}

/** Saves the checkpoint. Returns whether the job is past the step that failed before. */
async function reach(
  next: Step,
  here: Pending,
  failures: FailureCount,
  deps: LifecycleDeps,
): Promise<boolean> {
  if (next === here) {
    failures.reset()
    return true
  }
  const checkpoint = checkpointOf(next)
  if (checkpoint === null) return true
  await deps.save(checkpoint)
  return failures.reached(checkpoint.step)
}
