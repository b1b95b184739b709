import type { IngestOrder } from '../../shared/ledger/record.ts'
import { SalesforceError } from '../../shared/salesforce/errors.ts'
import { type IngestJobInfo, isTerminalState } from '../../shared/salesforce/ingest.ts'
import type { Checkpoint } from './checkpoint.ts'
import { collect } from './collect.ts'
import { pollInterval } from './poll.ts'
import { StallWatch } from './stall-watch.ts'
import type { Refusal, Step, Work } from './step.ts'
import { endUnprocessed } from './unprocessed.ts'
import { csvBody, csvLength } from './upload.ts'

/** The steps of an ingest job, each from a checkpoint to the next. */

/** Salesforce gives up on a batch after 20 tries of 5 minutes: a day is past every honest wait. */
const LONGEST_WAIT_MS = 24 * 3600_000

export async function create({ order, deps, ctx }: Work): Promise<Step> {
  const { object, operation } = order
  const job = await deps.api.create({ object, operation }, ctx.signal)
  ctx.log.info({ ingestJob: job.id }, 'Ingest job created.')
  return { step: 'upload', jobId: job.id }
}

export async function upload(jobId: string, { order, deps, ctx }: Work): Promise<Step> {
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
  const job = await found(deps.api.get(jobId, ctx.signal))
  if (job === null || neverRan(job)) return { step: 'create' }
  if (job.state !== 'Open') return { step: 'wait', jobId, since: ctx.clock.now() }
  await found(deps.api.abort(jobId, ctx.signal))
  ctx.log.info(
    { ingestJob: jobId },
    'Upload in doubt: the ingest job was aborted, another takes its place.',
  )
  return { step: 'create' }
}

export async function close(
  jobId: string,
  inDoubt: boolean,
  { deps: { api }, ctx }: Work,
): Promise<Step> {
  const since = ctx.clock.now()
  if (inDoubt) {
    const job = await found(api.get(jobId, ctx.signal))
    if (job === null) return { step: 'create' }
    if (job.state !== 'Open') return { step: 'wait', jobId, since }
  }
  await api.close(jobId, ctx.signal)
  return { step: 'wait', jobId, since }
}

export async function wait(
  { jobId, since }: { readonly jobId: string; readonly since: number },
  work: Work,
): Promise<Step> {
  const { deps, ctx } = work
  const watch = new StallWatch(deps.events, ctx, jobId)
  try {
    for (;;) {
      const age = ctx.clock.now() - since
      await ctx.clock.sleep(pollInterval(age, Math.random()), ctx.signal)
      const job = await found(deps.api.get(jobId, ctx.signal))
      if (job === null) return vanished(jobId, work)
      if (isTerminalState(job.state)) {
        deps.events.phaseEnded('wait', (ctx.clock.now() - since) / 1000)
        return { step: 'collect', jobId, seen: job }
      }
      await watch.see(job)
      if (ctx.clock.now() - since > LONGEST_WAIT_MS) await found(deps.api.abort(jobId, ctx.signal))
    }
  } finally {
    watch.end()
  }
}

export async function finish(
  jobId: string,
  seen: IngestJobInfo | undefined,
  work: Work,
): Promise<Step> {
  const { order, deps, ctx } = work
  const begun = ctx.clock.now()
  const job = seen ?? (await found(deps.api.get(jobId, ctx.signal)))
  if (job === null) return vanished(jobId, work)
  const results = await collect(job, order, deps.collector, ctx)
  deps.events.phaseEnded('collect', (ctx.clock.now() - begun) / 1000)
  return { step: 'done', results }
}

/**
 * Ends a job that cannot be carried through. What is reported as not sent must not run later, so
 * one that is not begun is aborted, and one that runs after all is followed to its end.
 */
export async function giveUp(at: Checkpoint, why: Refusal, work: Work): Promise<Step> {
  const { order, deps, ctx } = work
  if (at.step === 'wait') return at
  if (at.step === 'upload' || at.step === 'close') {
    const job = await found(deps.api.get(at.jobId, ctx.signal))
    if (job?.state === 'Open') await found(deps.api.abort(at.jobId, ctx.signal))
    else if (job !== null && !neverRan(job)) {
      return { step: 'wait', jobId: at.jobId, since: ctx.clock.now() }
    }
  }
  ctx.log.error({ code: why.code, step: at.step }, `Ingest job given up: ${why.message}`)
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

const VANISHED = 'Vanished'

/** Salesforce knows the job no more, nor then what became of its rows. */
async function vanished(jobId: string, { order, deps, ctx }: Work): Promise<Step> {
  const error = {
    code: 'JOB_VANISHED',
    message: `Salesforce does not know ingest job ${jobId} any more; what became of its rows is not known.`,
  }
  const job = { id: jobId, state: VANISHED }
  return {
    step: 'done',
    results: await endUnprocessed(order, { error, job }, deps.collector, ctx),
  }
}

/**
 * Aborted before anything was processed: by us, before a crash or a lost answer, or by somebody who
 * stopped it before we had closed it. Either way another job may take its place.
 */
function neverRan(job: IngestJobInfo): boolean {
  return job.state === 'Aborted' && job.numberRecordsProcessed === 0
}

async function found(call: Promise<IngestJobInfo>): Promise<IngestJobInfo | null> {
  try {
    return await call
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return null
    throw error
  }
}

function idsOf(order: IngestOrder): number {
  return order.chunks.reduce((sum, { count }) => sum + count, 0)
}
