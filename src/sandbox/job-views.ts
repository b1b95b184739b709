import type { Job } from './jobs.ts'

/** The user who created the jobs. */
interface Owner {
  readonly userId: string
}

function createView(job: Job, owner: Owner): object {
  return { ...head(job, owner), ...contentUrl(job), ...format(job) }
}

function patchView(job: Job, owner: Owner): object {
  return head(job, owner)
}

function getView(job: Job, owner: Owner): object {
  return {
    ...head(job, owner),
    jobType: 'V2Ingest',
    ...contentUrl(job),
    ...format(job),
    // An Open job has counters once it has its upload.
    ...((job.state !== 'Open' || job.upload) && {
      numberRecordsProcessed: job.processed,
      numberRecordsFailed: job.failed,
    }),
    retries: 0,
    ...timesOf(job),
    apexProcessingTime: 0,
    ...(Number(job.apiVersion) >= PK_CHUNKING_FROM && { isPkChunkingSupported: false }),
    ...(job.state === 'Failed' && { errorMessage: job.errorMessage ?? '' }),
  }
}

/** Recorded in answers of v61.0, and in none of v52.0 and before. */
const PK_CHUNKING_FROM = 61

/**
 * In recorded jobs the total time exceeds the active time, and both are present while they are
 * InProgress. If nothing was processed, such as in a job that failed because of its header, both
 * are 0.
 */
function timesOf(job: Job): object {
  const began = job.startedAt
  if (began === undefined || (job.terminal && job.processed === 0)) {
    return { totalProcessingTime: 0, apiActiveProcessingTime: 0 }
  }
  const active = Math.ceil(job.activeMs) + 1
  const elapsed = (job.finishedAt ?? Date.now()) - began
  return {
    totalProcessingTime: Math.max(elapsed, active + 1),
    apiActiveProcessingTime: active,
  }
}

function listView(job: Job, owner: Owner): object {
  return { ...head(job, owner), jobType: 'V2Ingest', ...format(job), ...contentUrl(job) }
}

function head(job: Job, owner: Owner): object {
  const { request } = job
  return {
    id: job.id,
    operation: request.operation,
    object: request.object,
    createdById: owner.userId,
    createdDate: timestamp(job.createdAt),
    systemModstamp: timestamp(job.modifiedAt),
    state: job.state,
    ...(request.externalIdFieldName && { externalIdFieldName: request.externalIdFieldName }),
    concurrencyMode: 'Parallel',
    contentType: 'CSV',
    apiVersion: Number(job.apiVersion),
    ...(request.assignmentRuleId && { assignmentRuleId: request.assignmentRuleId }),
  }
}

const contentUrl = (job: Job) =>
  job.state === 'Open' && {
    contentUrl: `services/data/v${job.apiVersion}/jobs/ingest/${job.id}/batches`,
  }

const format = ({ request }: Job) => ({
  lineEnding: request.lineEnding,
  columnDelimiter: request.columnDelimiter,
})

/** `2026-01-02T21:33:43.000+0000`: the offset has no colon. */
export const timestamp = (ms: number) => new Date(ms).toISOString().replace('Z', '+0000')

/**
 * The fields that the API shows of a job: they differ between create, close and abort, get, and
 * list (pages of the same names, part on Bulk API 2.0 ingest).
 */
export const jobView = { create: createView, patch: patchView, get: getView, list: listView }
