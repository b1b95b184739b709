import { addFacts } from '../../shared/base/trace.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import { csvBody, csvLength } from '../ids/delete-csv.ts'
import { idsOf } from './job-report.ts'
import type { Checkpoint, LifecycleDeps, Step, Work } from './step.ts'

/** The steps of an ingest job until it is closed, each from a checkpoint to the next. */

export async function create(work: Work): Promise<Step> {
  const { order, deps, ctx } = work
  const { object, operation } = order
  if (await deps.visit.enter('start')) return unwanted({ step: 'create' }, deps)
  const job = await unlessStopped((signal) => deps.api.create({ object, operation }, signal), work)
  // It may be there all the same: a job that stays Open never runs.
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
  const bytes = csvLength(idsOf(order))
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

/** Whether the data arrived cannot be known, and a job takes but one upload: begin with another. */
async function redoUpload(jobId: string, { deps, ctx }: Work): Promise<Step> {
  const stop = await deps.visit.enter('follow')
  if (stop === 'requests') return unwanted({ step: 'upload', jobId }, deps)
  const job = await found(deps.api.get(jobId, ctx.signal))
  if (job === null || neverRan(job)) return { step: 'create' }
  if (job.state !== 'Open') return { step: 'wait', jobId, since: ctx.clock.now(), unclosed: true }
  await found(deps.api.abort(jobId, ctx.signal))
  ctx.log.info(
    { ingestJob: jobId },
    'Upload in doubt: the ingest job was aborted, another takes its place.',
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

/** Whether it is closed cannot be known: one that is must be followed, whatever holds new ones. */
async function redoClose(jobId: string, { deps, ctx }: Work): Promise<Step> {
  await deps.visit.enter('follow')
  const since = ctx.clock.now()
  const job = await found(deps.api.get(jobId, ctx.signal))
  // It may have been closed, have run, and be forgotten by now.
  if (job === null) return { step: 'collect', jobId }
  return job.state === 'Open' ? { step: 'close', jobId } : { step: 'wait', jobId, since }
}

/**
 * A call that is given up once the job is to stop, for a server may leave it unanswered for minutes.
 * It may have taken effect then.
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
    // Whoever is to try on behalf of all has learned nothing.
    await visit.release()
    return 'stopped'
  }
}

/** Nobody wants the job any more, and it has not been closed. No call was made for it. */
async function unwanted(at: Checkpoint, { visit }: LifecycleDeps): Promise<Step> {
  await visit.release()
  return { step: 'give-up', at, why: null }
}

/**
 * Aborted before anything was processed: by us, before a crash or a lost answer, or by somebody who
 * stopped it before we had closed it. Either way another job may take its place.
 */
export function neverRan(job: IngestJobInfo): boolean {
  return job.state === 'Aborted' && job.numberRecordsProcessed === 0
}

/** Null where Salesforce knows the job no more. */
export async function found(call: Promise<IngestJobInfo>): Promise<IngestJobInfo | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return null
    throw error
  }
}
