import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { isTerminalState } from '../../shared/salesforce/job-info.ts'
import { contradiction } from '../../shared/salesforce/matched-ingest.ts'
import { pollInterval } from '../../shared/salesforce/poll-interval.ts'
import { found } from './job-report.ts'
import type { Step, Work } from './step.ts'
import { unlessStopped } from './steps.ts'

type Waiting = Extract<Step, { step: 'wait' }>

/** Salesforce gives up on a batch after 20 tries of 5 minutes, so no working job takes a day. */
const LONGEST_WAIT_MS = 24 * 3600_000
/** An abort takes effect at once, or after the current batch. */
const LONGEST_ABORT_MS = 3600_000

/**
 * Waits, then polls a job once; the next poll is the next step. A job that is to stop is aborted:
 * the reason is saved first, for the step that reads the results. The job is then followed to its
 * end, because an abort may come too late. A job in which too many rows fail is handled the same
 * way: its results show whether its request goes wrong.
 */
export async function wait(at: Waiting, work: Work): Promise<Step> {
  const { deps, ctx } = work
  const { jobId, since, abortedAt } = at
  const now = () => ctx.clock.now()
  await nap(at, work)
  const asked = await deps.visit.enter('follow')
  const stopped = at.stopped ?? asked ?? (now() - since > LONGEST_WAIT_MS ? 'overdue' : undefined)
  if (stopped !== undefined && abortedAt === undefined) {
    await deps.save({ step: 'wait', jobId, since, stopped, ...ifUnclosed(at) })
    await abort(jobId, stopped, work)
    return { ...at, stopped, abortedAt: now() }
  }
  const job = await look(at, work)
  // The stop flag is read again before anything is done about it; the next poll does not wait for
  // that.
  if (job === 'stopped') return { ...at }
  if (job !== null && !isTerminalState(job.state)) {
    if (job.state === 'Open') throw contradiction('get', 'the job is Open, after it was closed')
    const isSuspect = await see(job, at, work)
    if (stopped === undefined) return isSuspect ? { ...at, stopped: 'suspect' } : at
    return now() - (abortedAt ?? now()) <= LONGEST_ABORT_MS ? at : stuck(at)
  }
  // The final failure counter is compared with the verdicts.
  if (job !== null && (job.numberRecordsFailed ?? 0) > 0) await see(job, at, work)
  const seconds = (now() - since) / 1000
  deps.metrics.phaseEnded({ ...deps.labels, phase: 'wait', seconds })
  return {
    ...{ step: 'collect', jobId, since, ...ifUnclosed(at) },
    ...(stopped === undefined ? {} : { stopped }),
    ...(job === null ? {} : { seen: job }),
  }
}

/** The rows of a job that we did not close may not be ours, so their progress is ignored. */
async function see(job: IngestJobInfo, { unclosed }: Waiting, { stall }: Work): Promise<boolean> {
  return unclosed === undefined && (await stall.see(job))
}

function ifUnclosed({ unclosed }: Waiting): Pick<Waiting, 'unclosed'> {
  return unclosed === undefined ? {} : { unclosed }
}

/** It was aborted but says that it still runs: its end will never be seen. */
function stuck(at: Waiting): Step {
  const message = `Ingest job ${at.jobId} was aborted an hour ago and says that it still runs.`
  return { step: 'lose', jobId: at.jobId, why: { code: 'JOB_STUCK', message } }
}

/** The job's current state, or `stopped` if it is to stop from now on. */
function look({ jobId, stopped }: Waiting, work: Work) {
  const { deps, ctx } = work
  const isKnown = stopped !== undefined || deps.visit.stopped.aborted
  return isKnown
    ? found(deps.api.get(jobId, ctx.signal))
    : unlessStopped((signal) => found(deps.api.get(jobId, signal)), work)
}

/** Sleeps until the next poll, or until the job is to stop. */
async function nap({ since, stopped, abortedAt }: Waiting, { deps, ctx }: Work): Promise<void> {
  const isToStop = stopped !== undefined || deps.visit.stopped.aborted
  if (isToStop && abortedAt === undefined) return
  await deps.visit.nap(pollInterval(ctx.clock.now() - (abortedAt ?? since), deps.governor.scarcity))
}

/** An abort that comes too late is fine: the next poll shows what became of the job. */
async function abort(jobId: string, stopped: string, { deps, ctx }: Work): Promise<void> {
  ctx.log.info({ ingestJob: jobId, stopped }, 'Aborting the ingest job.')
  try {
    await found(deps.api.abort(jobId, ctx.signal))
  } catch (error) {
    if (!(error instanceof SalesforceError) || error.kind !== 'job-state') throw error
  }
}
