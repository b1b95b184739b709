import type { Job } from 'bullmq'
import type { OrgStore } from '../shared/org-store.ts'
import { parseIngestJob, parseRequestJob } from '../shared/queues.ts'
import { putAside } from './hand-over.ts'
import type { Process } from './queue-worker.ts'

/** How long what others have ordered is left alone before it is looked at again. */
const LEFT_ALONE_MS = 10_000

/**
 * Works on one request alone: whoever cancels one must not set another going that is not finished.
 * For a worker that nobody else works beside, since what it puts aside is delayed for all.
 */
export function onlyFor(request: string, store: OrgStore, process: Process): Process {
  return async (job, token, ctx) =>
    (await concerns(request.toLowerCase(), job, store))
      ? process(job, token, ctx)
      : putAside(job, token, LEFT_ALONE_MS)
}

async function concerns(request: string, job: Job, { ledger }: OrgStore): Promise<boolean> {
  const ingest = parseIngestJob(job.data)
  if (ingest === null) return parseRequestJob(job.data)?.id.toLowerCase() === request
  const found = await ledger.ingestOrder(ingest.order)
  // One that has ended needs no work, only to be taken off the queue.
  if (found === null) return true
  return found.order.chunks.some((chunk) => chunk.request.toLowerCase() === request)
}
