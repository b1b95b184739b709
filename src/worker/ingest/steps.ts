import { addFacts } from '../../shared/base/trace.ts'
import { rowsOf } from '../../shared/store/ledger/chunk.ts'
import { csvBody, csvLength, csvOf } from '../ids/delete-csv.ts'
import { found, neverRan } from './job-report.ts'
import { idsToSend, leaveFlagged } from './leave.ts'
import type { Checkpoint, LifecycleDeps, Step, Work } from './step.ts'

/** The steps of an ingest job until it is closed, each from one checkpoint to the next. */

export async function create(work: Work): Promise<Step> {
  const { deps, ctx } = work
  const stop = await deps.visit.enter('start')
  const order = await deps.retake()
  if (order === null) {
    await deps.visit.release()
    return { step: 'done', results: [] }
  }
  if (order !== work.order) {
    work.order = order
    deps.visit.keep(order.chunks.map(({ request }) => request))
  }
  const { object, operation } = order
  if (stop === 'some') return leaveFlagged({ step: 'create' }, work)
  if (stop !== null) return unwanted({ step: 'create' }, deps)
  const job = await unlessStopped((signal) => deps.api.create({ object, operation }, signal), work)
  // The job may exist anyway, but a job that stays Open never runs.
  if (job === 'stopped') return { step: 'create' }
  ctx.log.info({ ingestJob: job.id }, 'Ingest job created.')
  addFacts({ ingestJob: job.id })
  return { step: 'upload', jobId: job.id }
}

export async function upload(jobId: string, inDoubt: boolean, work: Work): Promise<Step> {
  if (inDoubt) return redoUpload(jobId, IN_DOUBT, work)
  const { deps, ctx } = work
  const at = { step: 'upload', jobId } as const
  const stop = await deps.visit.enter('start')
  if (stop === 'some') return leaveFlagged(at, work)
  if (stop !== null) return unwanted(at, deps)
  const begun = ctx.clock.now()
  const sending = work.order.chunks.length > 1 ? await idsToSend(at, work) : null
  if (sending?.step === 'leave') return sending
  const { order } = work
  const bytes = csvLength(rowsOf(order))
  const stream = sending === null ? csvBody(order.chunks, deps.staging) : csvOf(sending.ids)
  const sent = await unlessStopped(
    (signal) => deps.api.upload(jobId, { bytes, stream }, signal),
    work,
  )
  if (sent === 'stopped') return redoUpload(jobId, IN_DOUBT, work)
  const { metrics, labels } = deps
  metrics.uploaded({ ...labels, bytes })
  const seconds = (ctx.clock.now() - begun) / 1000
  metrics.phaseEnded({ ...labels, phase: 'upload', seconds })
  return { step: 'close', jobId }
}

const IN_DOUBT = 'The state of an upload was unknown'

/** A job takes only one upload: start over with another job. */
async function redoUpload(jobId: string, why: string, { deps, ctx }: Work): Promise<Step> {
  const stop = await deps.visit.enter('follow')
  if (stop === 'requests') return unwanted({ step: 'upload', jobId }, deps)
  const job = await found(deps.api.get(jobId, ctx.signal))
  if (job === null || neverRan(job)) return { step: 'create' }
  if (job.state !== 'Open') return { step: 'wait', jobId, since: ctx.clock.now(), unclosed: true }
  await found(deps.api.abort(jobId, ctx.signal))
  ctx.log.info(
    { ingestJob: jobId },
    `${why}: its ingest job was aborted and is replaced by another.`,
  )
  return { step: 'create' }
}

export async function close(jobId: string, inDoubt: boolean, work: Work): Promise<Step> {
  if (inDoubt) return redoClose(jobId, work)
  const { deps, ctx } = work
  const stop = await deps.visit.enter('start')
  if (stop === 'some')
    return redoUpload(jobId, 'An upload has ids of requests that are to end', work)
  if (stop !== null) return unwanted({ step: 'close', jobId }, deps)
  const since = ctx.clock.now()
  const closed = await unlessStopped((signal) => deps.api.close(jobId, signal), work)
  if (closed === 'stopped') return redoClose(jobId, work)
  return { step: 'wait', jobId, since }
}

/**
 * Whether the job is closed is unknown. If it is, it must be followed even while new jobs are held.
 */
async function redoClose(jobId: string, { deps, ctx }: Work): Promise<Step> {
  await deps.visit.enter('follow')
  const since = ctx.clock.now()
  const job = await found(deps.api.get(jobId, ctx.signal))
  // It may have been closed, have run, and been deleted since.
  if (job === null) return { step: 'collect', jobId }
  return job.state === 'Open' ? { step: 'close', jobId } : { step: 'wait', jobId, since }
}

/**
 * Abandons a call once the job is to stop, because a server may leave it unanswered for minutes.
 * The call may have taken effect.
 */
export async function unlessStopped<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { deps: { visit }, ctx }: Work,
): Promise<T | 'stopped'> {
  const signal = AbortSignal.any([ctx.signal, visit.stopped])
  try {
    return await call(signal)
  } catch (error) {
    if (ctx.signal.aborted || !signal.aborted) throw error
    // A probe that was abandoned learned nothing about the org.
    await visit.release()
    return 'stopped'
  }
}

/** The job is no longer wanted and was not closed. No call was made for it. */
async function unwanted(at: Checkpoint, { visit }: LifecycleDeps): Promise<Step> {
  await visit.release()
  return { step: 'give-up', at, why: null }
}
