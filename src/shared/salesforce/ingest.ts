import { SalesforceError } from './errors.ts'
import { errorFromContent } from './fault.ts'
import type { Http } from './http.ts'
import { type IngestJobInfo, ingestJobInfo } from './job-info.ts'
import type { ApiOperation } from './operation.ts'
import { drain, openCsv } from './success-body.ts'
import { guardLength, type UploadBody } from './upload-body.ts'

export {
  INGEST_JOB_STATES,
  type IngestJobInfo,
  type IngestJobState,
  isKnownState,
  isTerminalState,
} from './job-info.ts'
export type { UploadBody } from './upload-body.ts'

/**
 * Ingest jobs of Bulk API 2.0: one function an endpoint, no decisions. Every function throws
 * SalesforceError where Salesforce or the network says no, and the signal's reason where it aborts.
 * GET and DELETE are repeated a few times on their own; the others never are.
 */
export interface IngestApi {
  /** POST: a job in state Open. */
  create(
    job: { readonly object: string; readonly operation: 'delete' | 'hardDelete' },
    signal?: AbortSignal,
  ): Promise<IngestJobInfo>
  /**
   * PUT, once in a job's life. A body that breaks off or has another length never completes in
   * Salesforce; its own error is thrown. On 401 the login is renewed, but the body is spent: the
   * error is thrown (INVALID_SESSION_ID, an org fault), and the next upload has the new token.
   */
  upload(jobId: string, body: UploadBody, signal?: AbortSignal): Promise<void>
  /** PATCH `UploadComplete`: from here on Salesforce deletes. */
  close(jobId: string, signal?: AbortSignal): Promise<IngestJobInfo>
  /** PATCH `Aborted`: rows that are done stay done. */
  abort(jobId: string, signal?: AbortSignal): Promise<IngestJobInfo>
  get(jobId: string, signal?: AbortSignal): Promise<IngestJobInfo>
  /** DELETE the job and its results; one that is gone already counts as done. */
  remove(jobId: string, signal?: AbortSignal): Promise<void>
  /** CSV `sf__Id,sf__Error,Id` of rows that failed. A cut connection throws, it never just ends. */
  failedResults(jobId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** CSV `sf__Id,sf__Created,Id` of rows deleted. */
  successfulResults(jobId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** CSV `Id` of rows that a Failed or Aborted job never came to. */
  unprocessedRecords(jobId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>
}

const JOBS = 'jobs/ingest'

export function ingestApi(http: Http): IngestApi {
  const path = (jobId: string, rest = '') => `${JOBS}/${encodeURIComponent(jobId)}${rest}`

  const setState = (operation: ApiOperation, jobId: string, state: string, signal?: AbortSignal) =>
    http.json(
      { operation, method: 'PATCH', path: path(jobId), json: { state }, signal },
      ingestJobInfo,
    )

  return {
    create: ({ object, operation }, signal) => {
      const json = { object, operation, contentType: 'CSV', lineEnding: 'LF' }
      return http.json(
        { operation: 'create', method: 'POST', path: JOBS, json, signal },
        ingestJobInfo,
      )
    },
    upload: (jobId, body, signal) => upload(http, path(jobId, '/batches'), body, signal),
    close: (jobId, signal) => setState('close', jobId, 'UploadComplete', signal),
    abort: (jobId, signal) => setState('abort', jobId, 'Aborted', signal),
    get: (jobId, signal) =>
      http.json({ operation: 'get', method: 'GET', path: path(jobId), signal }, ingestJobInfo),
    remove: (jobId, signal) => remove(http, path(jobId), signal),
    failedResults: (jobId, signal) =>
      results(http, 'failedResults', path(jobId, '/failedResults'), signal),
    successfulResults: (jobId, signal) =>
      results(http, 'successfulResults', path(jobId, '/successfulResults'), signal),
    // All lower case, unlike its siblings: the reference pages and every other client agree on it.
    unprocessedRecords: (jobId, signal) =>
      results(http, 'unprocessedRecords', path(jobId, '/unprocessedrecords'), signal),
  }
}

async function upload(
  http: Http,
  path: string,
  body: UploadBody,
  signal: AbortSignal | undefined,
): Promise<void> {
  const guarded = guardLength(body)
  const upload = { bytes: body.bytes, stream: guarded.stream }
  try {
    const call = { operation: 'upload', method: 'PUT', path, csv: upload, signal } as const
    await http.read(call, async (answer) => {
      await drain(answer)
      if (guarded.complete()) return
      throw errorFromContent('upload', answer.status, {
        kind: 'org-fault',
        code: 'UPLOAD_CUT_SHORT',
        text: 'before all of the upload was sent',
      })
    })
  } catch (error) {
    const failure = guarded.failure()
    throw failure ? failure.error : error
  }
}

async function remove(http: Http, path: string, signal: AbortSignal | undefined): Promise<void> {
  try {
    await http.read({ operation: 'remove', method: 'DELETE', path, signal }, drain)
  } catch (error) {
    if (error instanceof SalesforceError && error.kind === 'not-found') return
    throw error
  }
}

async function* results(
  http: Http,
  operation: ApiOperation,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* await http.read({ operation, method: 'GET', path, signal }, openCsv)
}
