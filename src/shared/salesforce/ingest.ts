import { z } from 'zod'
import { drain, openCsv } from './answer.ts'
import { type ApiOperation, SalesforceError } from './errors.ts'
import { errorFromContent } from './fault.ts'
import type { Http } from './http.ts'
import { jobField, stateOf } from './job-info.ts'
import { guardLength, type UploadBody } from './upload-body.ts'

/**
 * Ingest jobs of Bulk API 2.0: one function per endpoint, without decisions. Every function throws
 * SalesforceError if Salesforce or the network fails, and the signal's reason if it aborts. GET and
 * DELETE are retried a few times; the others never are.
 */
export interface IngestApi {
  /** POST: creates a job in state Open. */
  create(
    job: { readonly object: string; readonly operation: 'delete' | 'hardDelete' },
    signal?: AbortSignal,
  ): Promise<IngestJobInfo>
  /**
   * PUT, once per job. Salesforce never accepts a body that breaks off or has another length; the
   * body's own error is thrown. On 401 the login is renewed, but the body is consumed: the error is
   * thrown (INVALID_SESSION_ID, an org fault), and the next upload uses the new token.
   */
  upload(jobId: string, body: UploadBody, signal?: AbortSignal): Promise<void>
  /** PATCH `UploadComplete`: from here on Salesforce deletes. */
  close(jobId: string, signal?: AbortSignal): Promise<IngestJobInfo>
  /** PATCH `Aborted`: rows already processed stay processed. */
  abort(jobId: string, signal?: AbortSignal): Promise<IngestJobInfo>
  get(jobId: string, signal?: AbortSignal): Promise<IngestJobInfo>
  /** DELETE the job and its results; a missing job counts as success. */
  remove(jobId: string, signal?: AbortSignal): Promise<void>
  /**
   * CSV `sf__Id,sf__Error,Id` of failed rows. A broken connection throws; the stream never just
   * ends.
   */
  failedResults(jobId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** CSV `sf__Id,sf__Created,Id` of deleted rows. */
  successfulResults(jobId: string, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** CSV `Id` of rows that a Failed or Aborted job did not process. */
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
    // All lower case, unlike the other paths: the reference pages and all other clients agree on
    // it.
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

/** The states of an ingest job (Bulk API 2.0 guide, Get Job Info). */
export const INGEST_JOB_STATES = [
  'Open',
  'UploadComplete',
  'InProgress',
  'JobComplete',
  'Failed',
  'Aborted',
] as const
/** An ingest job as Salesforce reports it. */
export interface IngestJobInfo {
  /** 15 or 18 characters, prefix 750. */
  readonly id: string
  /** One of {@link INGEST_JOB_STATES}, or a new state of a later API version. */
  readonly state: string
  readonly object: string
  readonly operation: string
  /** The last change; constant while the job makes no progress. */
  readonly systemModstamp: string | null
  /**
   * Includes failed rows. Null if the answer has no valid number: answers of create, close and
   * abort have none.
   */
  readonly numberRecordsProcessed: number | null
  readonly numberRecordsFailed: number | null
  /** Why the job is Failed. */
  readonly errorMessage: string | null
}

/** A property that all our jobs share; with another value, result files would be misread. */
const form = (expected: string) =>
  z
    .string()
    .refine((value) => value.toUpperCase() === expected, `expected ${expected}`)
    .nullish()

/** The API returns `state`; one page of the documentation says `status`, so both are accepted. */
const ingestJobInfo: z.ZodType<IngestJobInfo> = z
  .object({
    id: jobField.id,
    state: z.string().optional(),
    status: z.string().optional(),
    object: z.string(),
    operation: z.string(),
    systemModstamp: jobField.text,
    numberRecordsProcessed: jobField.count,
    numberRecordsFailed: jobField.count,
    errorMessage: jobField.text,
    contentType: form('CSV'),
    lineEnding: form('LF'),
    columnDelimiter: form('COMMA'),
  })
  .transform(({ state, status, ...job }, context) => {
    const { contentType: _, lineEnding: __, columnDelimiter: ___, ...info } = job
    const said = state ?? status
    if (said !== undefined) return { ...info, state: stateOf(said, INGEST_JOB_STATES) }
    context.addIssue({ code: 'custom', path: ['state'], message: 'expected a string' })
    return z.NEVER
  })
