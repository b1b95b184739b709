import type { ReceiptError } from '../../shared/contract/receipt.ts'
import { isForeignAnswer, SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { isTerminalState } from '../../shared/salesforce/job-info.ts'
import { type IngestOrder, rowsOf } from '../../shared/store/ledger/chunk.ts'
import { endUnprocessed } from '../end/unprocessed.ts'
import { collect } from './collect.ts'
import { countsOf, found, isWhole, jobFailureOf, neverRan } from './job-report.ts'
import { sendAgain } from './resend.ts'
import type { Checkpoint, Step, Work } from './step.ts'

/** Ends an ingest job: reads its results, or records why there are none. */

type LostJob = Parameters<typeof sendAgain>[1]

const VANISHED = 'Vanished'
/** The state of a job that was given up although it may still run. */
const ABANDONED = 'Abandoned'

export async function finish(
  { jobId, seen, since, stopped, unclosed }: Extract<Step, { step: 'collect' }>,
  inDoubt: boolean,
  work: Work,
): Promise<Step> {
  const { order, deps, ctx } = work
  const begun = ctx.clock.now()
  await deps.visit.enter('follow')
  // A probe must make a real call.
  const known = inDoubt || deps.visit.isProbing || !isAddedUp(seen, order) ? undefined : seen
  const job = known ?? (await found(deps.api.get(jobId, ctx.signal)))
  if (job === null) return sendLost(vanished(jobId), work)
  const told = {
    ...(stopped === undefined ? {} : { stopped }),
    ...(unclosed === undefined ? {} : { unclosed }),
  }
  // It had ended but now says that it runs; one of the two reports is wrong.
  if (!isTerminalState(job.state)) return { step: 'wait', jobId, since: since ?? begun, ...told }
  await tellGateOfQuota(job, work)
  const excused = stopped !== undefined && stopped !== 'requests'
  const look = () => found(deps.api.get(jobId, ctx.signal))
  const results = await collect(job, order, deps.collector, ctx, { ...told, excused, look })
  const seconds = (ctx.clock.now() - begun) / 1000
  deps.metrics.phaseEnded({ ...deps.labels, phase: 'collect', seconds })
  return { step: 'done', results }
}

/** Counters that do not add up are read once more before relying on the result files. */
function isAddedUp(job: IngestJobInfo | undefined, order: IngestOrder): boolean {
  const sent = rowsOf(order)
  if (job === undefined) return false
  const counts = countsOf(job, sent)
  return job.state === 'JobComplete' ? isWhole(job, counts, sent) : counts !== null
}

function vanished(id: string): LostJob {
  const message = `Salesforce does not know ingest job ${id} any more; what became of its rows is not known.`
  return {
    ...{ reason: 'vanished', job: { id, state: VANISHED } },
    error: { code: 'JOB_VANISHED', message },
  }
}

async function sendLost(lost: LostJob, { order, deps, ctx }: Work): Promise<Step> {
  return { step: 'done', results: await sendAgain(order, lost, deps.collector, ctx) }
}

/** One job's result shows whether the daily allowance that all jobs share is used up. */
async function tellGateOfQuota(
  { state, errorMessage }: IngestJobInfo,
  { deps }: Work,
): Promise<void> {
  if (state === 'JobComplete') return deps.visit.foundQuota()
  if (state !== 'Failed' || jobFailureOf(errorMessage) !== 'quota') return
  await deps.visit.missedQuota(
    `Salesforce ended an ingest job: ${errorMessage}. ` +
      "The org's daily allowance of bulk batches is used up: wait.",
  )
}

/**
 * Ends a job that cannot continue or is no longer wanted. Rows reported as not sent must not be
 * deleted later. So a job that has not begun is aborted, and a job that runs anyway is followed to
 * its end, as long as its state can be read.
 */
export async function giveUp(at: Checkpoint, why: ReceiptError | null, work: Work): Promise<Step> {
  const { order, deps, ctx } = work
  if (at.step !== 'create') await deps.visit.enter('follow')
  if (why === null) ctx.log.info({ step: at.step }, 'Ingest job dropped: it is no longer needed.')
  else ctx.log.error({ code: why.code, step: at.step }, `Ingest job given up: ${why.message}`)
  switch (at.step) {
    case 'create':
      break
    case 'upload':
    case 'close': {
      const running = await withdraw(at, why, work)
      if (running !== null) return running
      break
    }
    case 'wait':
      return at
    case 'collect':
      return endUnread(at.jobId, why, work)
    default:
      throw new TypeError(`Unknown checkpoint ${JSON.stringify(at satisfies never)}`)
  }
  return {
    step: 'done',
    results: await endUnprocessed(order, { error: why, job: null }, deps.collector, ctx),
  }
}

/** Aborts a job that has not begun. If it has begun, or may have, returns the step that follows. */
async function withdraw(
  at: Extract<Checkpoint, { step: 'upload' | 'close' }>,
  why: ReceiptError | null,
  work: Work,
): Promise<Step | null> {
  const { deps, ctx } = work
  const { jobId } = at
  const isClosing = at.step === 'close'
  const job = await ifUsable(found(deps.api.get(jobId, ctx.signal)))
  if (job === 'unusable' && isClosing && why !== null) return { step: 'lose', jobId, why }
  if (job === 'unusable' || job?.state === 'Open') {
    await ifUsable(found(deps.api.abort(jobId, ctx.signal)))
    return null
  }
  if (job === null || neverRan(job)) return null
  const since = ctx.clock.now()
  return { step: 'wait', jobId, since, ...(isClosing ? {} : { unclosed: true as const }) }
}

/** The job ran but its results cannot be read: the receipt names the job's state. */
async function endUnread(id: string, why: ReceiptError | null, work: Work): Promise<Step> {
  const { order, deps, ctx } = work
  const job = await ifUsable(found(deps.api.get(id, ctx.signal)))
  const isTold = job !== null && job !== 'unusable'
  // Its results cannot be read because the job still runs.
  if (isTold && !isTerminalState(job.state) && why !== null) return { step: 'lose', jobId: id, why }
  const state = isTold ? job.state : job === null ? VANISHED : ABANDONED
  const ended = { error: why, job: { id, state } }
  return { step: 'done', results: await endUnprocessed(order, ended, deps.collector, ctx) }
}

/** Retries the rows of a job that may still run, so it is aborted first. */
export async function lose(id: string, why: ReceiptError, work: Work): Promise<Step> {
  const { deps, ctx } = work
  await deps.visit.enter('follow')
  ctx.log.error({ ingestJob: id, code: why.code }, `Ingest job lost: ${why.message}`)
  await ifUsable(found(deps.api.abort(id, ctx.signal)))
  const message = `The outcome of the rows of ingest job ${id} is unknown. ${why.message}`
  return sendLost(
    {
      ...{ reason: 'unreadable', job: { id, state: ABANDONED } },
      error: { code: why.code, message },
    },
    work,
  )
}

/** The call's result, or `unusable` if the answer cannot be used. Retries were already tried. */
async function ifUsable<T>(call: Promise<T>): Promise<T | 'unusable'> {
  try {
    return await call
  } catch (error) {
    const isAnswer = error instanceof SalesforceError
    if (isAnswer && (error.kind !== 'org-fault' || isForeignAnswer(error))) return 'unusable'
    throw error
  }
}
