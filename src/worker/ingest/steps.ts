import type { IngestOrder } from '../../shared/ledger/record.ts'
import { note } from '../../shared/note.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import type { IngestJobInfo } from '../../shared/salesforce/ingest.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { LifecycleDeps, Step, Work } from './step.ts'
import { csvBody, csvLength } from './upload.ts'

/** The steps of an ingest job until it is closed, each from a checkpoint to the next. */

export async function create({ order, deps, ctx }: Work): Promise<Step> {
  const { object, operation } = order
  if (await deps.visit.enter('start')) return unwanted({ step: 'create' }, deps)
  const job = await deps.api.create({ object, operation }, ctx.signal)
  ctx.log.info({ ingestJob: job.id }, 'Ingest job created.')
  note({ ingestJob: job.id })
  return { step: 'upload', jobId: job.id }
}

export async function upload(jobId: string, { order, deps, ctx }: Work): Promise<Step> {
  if (await deps.visit.enter('start')) return unwanted({ step: 'upload', jobId }, deps)
  const begun = ctx.clock.now()
  const bytes = csvLength(idsOf(order))
  const stream = csvBody(order.chunks, deps.staging)
  await deps.api.upload(jobId, { bytes, stream }, ctx.signal)
  deps.events.uploaded(bytes)
  deps.events.phaseEnded('upload', (ctx.clock.now() - begun) / 1000)
  return { step: 'close', jobId }
}

/** Whether the data arrived cannot be known, and a job takes but one upload: begin with another. */
export async function redoUpload(jobId: string, { deps, ctx }: Work): Promise<Step> {
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

export async function close(jobId: string, { deps, ctx }: Work): Promise<Step> {
  if (await deps.visit.enter('start')) return unwanted({ step: 'close', jobId }, deps)
  const since = ctx.clock.now()
  await deps.api.close(jobId, ctx.signal)
  return { step: 'wait', jobId, since }
}

/** Whether it is closed cannot be known: one that is must be followed, whatever holds new ones. */
export async function redoClose(jobId: string, { deps, ctx }: Work): Promise<Step> {
  await deps.visit.enter('follow')
  const since = ctx.clock.now()
  const job = await found(deps.api.get(jobId, ctx.signal))
  // It may have been closed, have run, and be forgotten by now.
  if (job === null) return { step: 'collect', jobId }
  return job.state === 'Open' ? { step: 'close', jobId } : { step: 'wait', jobId, since }
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

/** Rows that an ingest job is sent. */
export function idsOf(order: IngestOrder): number {
  return order.chunks.reduce((sum, { count }) => sum + count, 0)
}
