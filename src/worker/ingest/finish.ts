import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Checkpoint } from './checkpoint.ts'
import { collect } from './collect.ts'
import { sendAgain } from './resend.ts'
import { jobFailureOf } from './retry.ts'
import type { Refusal, Step, Work } from './step.ts'
import { found, neverRan } from './steps.ts'
import { endUnprocessed } from './unprocessed.ts'

/** The ends of an ingest job: its results, or the account of why there are none. */

const VANISHED = 'Vanished'

type Collecting = Extract<Step, { step: 'collect' }>

export async function finish(
  { jobId, seen, stopped }: Collecting,
  inDoubt: boolean,
  work: Work,
): Promise<Step> {
  const { order, deps, ctx } = work
  const begun = ctx.clock.now()
  await deps.visit.enter('follow')
  // Whoever tries on behalf of all must really ask.
  const known = inDoubt || deps.visit.isProbing ? undefined : seen
  const job = known ?? (await found(deps.api.get(jobId, ctx.signal)))
  if (job === null) {
    const why = { reason: 'vanished', job: { id: jobId, state: VANISHED } } as const
    return { step: 'done', results: await sendAgain(order, why, deps.collector, ctx) }
  }
  await tellGate(job, work)
  const excused = stopped !== undefined && stopped !== 'requests'
  const results = await collect(job, order, deps.collector, ctx, { excused })
  deps.events.phaseEnded('collect', (ctx.clock.now() - begun) / 1000)
  return { step: 'done', results }
}

/** What became of one job tells of the daily allowance that all of them share. */
async function tellGate({ state, errorMessage }: IngestJobInfo, { deps }: Work): Promise<void> {
  if (state === 'JobComplete') return deps.visit.foundQuota()
  if (state !== 'Failed' || jobFailureOf(errorMessage) !== 'quota') return
  await deps.visit.missedQuota(
    `Salesforce ended an ingest job: ${errorMessage}. ` +
      "The org's daily allowance of bulk batches is used up: wait.",
  )
}

/**
 * Ends a job that cannot be carried through, or is no longer wanted. What is reported as not sent
 * must not run later, so one that is not begun is aborted, and one that runs after all is followed
 * to its end.
 */
export async function giveUp(at: Checkpoint, why: Refusal | null, work: Work): Promise<Step> {
  const { order, deps, ctx } = work
  if (at.step === 'wait') return at
  if (at.step !== 'create') await deps.visit.enter('follow')
  if (at.step === 'upload' || at.step === 'close') {
    const job = await found(deps.api.get(at.jobId, ctx.signal))
    if (job?.state === 'Open') await found(deps.api.abort(at.jobId, ctx.signal))
    else if (job !== null && !neverRan(job)) {
      return { step: 'wait', jobId: at.jobId, since: ctx.clock.now() }
    }
  }
  if (why === null) ctx.log.info({ step: at.step }, 'Ingest job dropped: it is no longer wanted.')
  else ctx.log.error({ code: why.code, step: at.step }, `Ingest job given up: ${why.message}`)
  const job = at.step === 'collect' ? await stateNow(at.jobId, work) : null
  return {
    step: 'done',
    results: await endUnprocessed(order, { error: why, job }, deps.collector, ctx),
  }
}

/** The job ran, though its results cannot be read: the receipt names it as it is. */
async function stateNow(id: string, { deps, ctx }: Work): Promise<{ id: string; state: string }> {
  const job = await found(deps.api.get(id, ctx.signal))
  return { id, state: job?.state ?? VANISHED }
}
