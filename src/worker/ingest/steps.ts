import { addFacts } from '../../shared/base/trace.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { rowsOf } from '../../shared/store/ledger/chunk.ts'
import { csvBody, csvLength } from '../ids/delete-csv.ts'
import type { Checkpoint, LifecycleDeps, Step, Work } from './step.ts'

/** The steps of an ingest job until it is closed, each from one checkpoint to the next. */

export async function create(work: Work): Promise<Step> {
  const { order, deps, ctx } = work
  const { object, operation } = order
  if (await deps.visit.enter('start')) return unwanted({ step: 'create' }, deps)
  const job = await unlessStopped((signal) => deps.api.create({ object, operation }, signal), work)
  // The job may exist anyway, but a job that stays Open never runs.
  if (job === 'stopped') return { step: 'create' }
  ctx.log.info({ ingestJob: job.id }, 'Ingest job created.')
  addFacts({ ingestJob: job.id })
  return { step: 'upload', jobId: job.id }
}

export async function upload(jobId: string, inDoubt: boolean, work: Work): Promise<Step> {
  if (inDoubt) return redoUpload(jobId, work)
  const { order, deps, ctx } = work
  if (await deps.visit.enter('start')) return unwanted({ step: 'upload', jobId }, deps)
  const begun = ctx.clock.now()
  const bytes = csvLength(rowsOf(order))
  const stream = csvBody(order.chunks, deps.staging)
  const sent = await unlessStopped(
    (signal) => deps.api.upload(jobId, { bytes, stream }, signal),
    work,
  )
  if (sent === 'stopped') return redoUpload(jobId, work)
  const { metrics, labels } = deps
  metrics.uploaded({ ...labels, bytes })
  const seconds = (ctx.clock.now() - begun) / 1000
  metrics.phaseEnded({ ...labels, phase: 'upload', seconds })
  return { step: 'close', jobId }
}

/**
 * Whether the data arrived is unknown, and a job takes only one upload: start over with another
 * job.
 */
async function redoUpload(jobId: string, { deps, ctx }: Work): Promise<Step> {
  const stop = await deps.visit.enter('follow')
  if (stop === 'requests') return unwanted({ step: 'upload', jobId }, deps)
  const job = await found(deps.api.get(jobId, ctx.signal))
  if (job === null || neverRan(job)) return { step: 'create' }
  if (job.state !== 'Open') return { step: 'wait', jobId, since: ctx.clock.now(), unclosed: true }
  await found(deps.api.abort(jobId, ctx.signal))
  ctx.log.info(
    { ingestJob: jobId },
    'The state of an upload was unknown: its ingest job was aborted and is replaced by another.',
  )
  return { step: 'create' }
}

export async function close(jobId: string, inDoubt: boolean, work: Work): Promise<Step> {
  if (inDoubt) return redoClose(jobId, work)
  const { deps, ctx } = work
  if (await deps.visit.enter('start')) return unwanted({ step: 'close', jobId }, deps)
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

/**
 * True if the job was aborted before anything was processed: by us, before a crash or a lost
 * answer, or by someone else before we closed it. Another job may replace it.
 */
export function neverRan(job: IngestJobInfo): boolean {
  return job.state === 'Aborted' && job.numberRecordsProcessed === 0
}

/** Null if Salesforce no longer knows the job. */
export async function found(call: Promise<IngestJobInfo>): Promise<IngestJobInfo | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return null
    throw error
  }
}
