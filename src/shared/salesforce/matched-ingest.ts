import type { ApiOperation, SalesforceError } from './errors.ts'
import { errorFromContent } from './fault.ts'
import type { IngestApi, IngestJobInfo } from './ingest.ts'

/** Code for answers, and result files, that are about something else than requested. */
export const RESULTS_CONTRADICT = 'RESULTS_CONTRADICT'

/** What an ingest job was created to do. */
interface AskedJob {
  readonly object: string
  readonly operation: string
}

/**
 * The calls of one ingest job, each answer compared with the request: always the same job, object
 * and operation, Open after create, and not Open after close. An answer about anything else must
 * not lead to a verdict, least of all its counters.
 *
 * They throw a SalesforceError of kind `unexpected` and code `RESULTS_CONTRADICT`.
 */
export function matchedIngest(api: IngestApi, asked: AskedJob): IngestApi {
  const about = (operation: ApiOperation, jobId: string, job: IngestJobInfo) => {
    assertMatches(operation, { ...asked, id: jobId }, job)
    return job
  }
  return {
    ...api,
    async create(request, signal) {
      const job = await api.create(request, signal)
      assertMatches('create', { ...asked, id: job.id }, job)
      if (job.state !== 'Open') throw contradiction('create', `the new job is ${job.state}`)
      return job
    },
    async close(jobId, signal) {
      const job = about('close', jobId, await api.close(jobId, signal))
      if (job.state === 'Open') throw contradiction('close', 'the job is still Open')
      return job
    },
    abort: async (jobId, signal) => about('abort', jobId, await api.abort(jobId, signal)),
    get: async (jobId, signal) => about('get', jobId, await api.get(jobId, signal)),
  }
}

/** The error for an answer that contradicts the request or an earlier answer. */
export function contradiction(operation: ApiOperation, text: string): SalesforceError {
  return errorFromContent(operation, 200, { kind: 'unexpected', code: RESULTS_CONTRADICT, text })
}

function assertMatches(
  operation: ApiOperation,
  asked: AskedJob & { readonly id: string },
  told: IngestJobInfo,
): void {
  // Paths also accept ids of 15 characters. Names are Salesforce's own, in any case.
  const isSame =
    asked.id.slice(0, 15) === told.id.slice(0, 15) &&
    asked.object.toLowerCase() === told.object.toLowerCase() &&
    asked.operation.toLowerCase() === told.operation.toLowerCase()
  if (isSame) return
  throw contradiction(
    operation,
    `it speaks of ${wordsOf(told)}, where ${wordsOf(asked)} was asked for`,
  )
}

function wordsOf({ id, object, operation }: AskedJob & { readonly id: string }): string {
  return `job ${id}, ${operation} of ${object}`
}
