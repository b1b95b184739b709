import { z } from 'zod'
import { drain, numberField, readCsv } from './answer.ts'
import { type ApiOperation, SalesforceError } from './errors.ts'
import { errorFromContent } from './fault.ts'
import type { Http } from './http.ts'
import { jobField, stateOf } from './job-info.ts'

/**
 * Query jobs of Bulk API 2.0: one function per endpoint, without decisions. Every function throws
 * SalesforceError if Salesforce or the network fails, and the signal's reason if it aborts. GET and
 * DELETE are retried a few times; the others never are.
 */
export interface QueryApi {
  /** POST. Records in the Recycle Bin are never found: the operation is `query`, not `queryAll`. */
  create(query: string, signal?: AbortSignal): Promise<QueryJobInfo>
  get(jobId: string, signal?: AbortSignal): Promise<QueryJobInfo>
  /** PATCH `Aborted`. */
  abort(jobId: string, signal?: AbortSignal): Promise<void>
  /** DELETE the job and its results; a missing job counts as success. */
  remove(jobId: string, signal?: AbortSignal): Promise<void>
  /** One page of the results. It is read whole, so that a page that breaks off is read again. */
  page(jobId: string, page: PageAt, signal?: AbortSignal): Promise<QueryPage>
}

/** A query job as Salesforce reports it. */
export interface QueryJobInfo {
  readonly id: string
  /** One of {@link QUERY_JOB_STATES}, or a new state of a later API version. */
  readonly state: string
  readonly object: string
  readonly operation: string
  /** Rows found so far. Null if the answer has no valid number, as that of create. */
  readonly numberRecordsProcessed: number | null
  /** Why the job is Failed. Not documented for query jobs, and often missing. */
  readonly errorMessage: string | null
}

interface PageAt {
  /** As the page before gave it; null for the first page. */
  readonly locator: string | null
  readonly maxRecords: number
}

interface QueryPage {
  /** CSV with a header; all values are quoted. */
  readonly csv: Buffer
  /** Number of rows, as Salesforce counts them; null if it does not say. */
  readonly rows: number | null
  /** The locator of the next page; null for the last one. */
  readonly next: string | null
  /** Whether the answer says that it is the last page; without a locator, none follows either. */
  readonly isLast: boolean
}

/** The states of a query job (Bulk API 2.0 guide, Get Information About a Query Job). */
const QUERY_JOB_STATES = [
  'UploadComplete',
  'InProgress',
  'JobComplete',
  'Failed',
  'Aborted',
] as const

const JOBS = 'jobs/query'
/** More than a page of the requested number of ids can have, at 21 bytes each. */
const MOST_PAGE_BYTES = 64 * 1024 * 1024

export function queryApi(http: Http): QueryApi {
  const path = (jobId: string, rest = '') => `${JOBS}/${encodeURIComponent(jobId)}${rest}`
  return {
    create: (query, signal) => {
      const json = { operation: 'query', query, contentType: 'CSV', lineEnding: 'LF' }
      return http.json(
        { operation: 'queryCreate', method: 'POST', path: JOBS, json, signal },
        queryJobInfo,
      )
    },
    get: (jobId, signal) =>
      http.json({ operation: 'queryGet', method: 'GET', path: path(jobId), signal }, queryJobInfo),
    abort: async (jobId, signal) => {
      const json = { state: 'Aborted' }
      await http.json(
        { operation: 'queryAbort', method: 'PATCH', path: path(jobId), json, signal },
        queryJobInfo,
      )
    },
    remove: async (jobId, signal) => {
      const call = {
        operation: 'queryRemove',
        method: 'DELETE',
        path: path(jobId),
        signal,
      } as const
      try {
        await http.read(call, drain)
      } catch (error) {
        if (!(error instanceof SalesforceError) || error.kind !== 'not-found') throw error
      }
    },
    page: (jobId, { locator, maxRecords }, signal) => {
      const query = new URLSearchParams({ maxRecords: String(maxRecords) })
      if (locator !== null) query.set('locator', locator)
      const operation = 'queryResults'
      const call = {
        operation,
        method: 'GET',
        path: path(jobId, `/results?${query}`),
        signal,
      } as const
      return http.read(call, async (answer) => ({
        csv: await readCsv(answer, MOST_PAGE_BYTES),
        rows: rowsOf(answer.headers['sforce-numberofrecords']),
        next: locatorOf(answer.headers['sforce-locator'], locator, operation),
        isLast: answer.headers['sforce-locator'] === 'null',
      }))
    },
  }
}

function rowsOf(header: unknown): number | null {
  return numberField.pipe(z.int().nonnegative()).safeParse(header).data ?? null
}

/** The last page says `null`, in letters. */
function locatorOf(header: unknown, before: string | null, operation: ApiOperation): string | null {
  if (typeof header !== 'string' || header === '' || header === 'null') return null
  if (header !== before) return header
  throw errorFromContent(operation, 200, {
    kind: 'unexpected',
    code: 'SAME_PAGE',
    text: 'its Sforce-Locator is that of the page itself',
  })
}

const queryJobInfo: z.ZodType<QueryJobInfo> = z
  .object({
    id: jobField.id,
    state: z.string(),
    object: z.string(),
    operation: z.string(),
    numberRecordsProcessed: jobField.count,
    errorMessage: jobField.text,
  })
  .transform(({ state, ...job }) => ({ ...job, state: stateOf(state, QUERY_JOB_STATES) }))
