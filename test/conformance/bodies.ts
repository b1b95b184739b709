import { ids18 } from '../helpers/ids.ts'

/** Bodies in the form of recorded ones: which fields there are, in which order, changes by version. */

export const JOB = '7505f000000EXAMAA4'
/** The paths of the one job that scenarios have. */
export const PATH = `jobs/ingest/${JOB}`

/** What the client uploads where a scenario makes that call alone. */
export const CSV = `Id\n${ids18(3).join('\n')}\n`

type Fields = Readonly<Record<string, unknown>>

const MADE = {
  createdById: '0055f000008EXAMAA4',
  createdDate: '2026-01-02T21:33:43.000+0000',
  systemModstamp: '2026-01-02T21:33:43.000+0000',
}

function head(apiVersion: number, state: string) {
  return {
    ...{ id: JOB, operation: 'delete', object: 'Contact', ...MADE, state },
    ...{ concurrencyMode: 'Parallel', contentType: 'CSV', apiVersion },
  }
}

const PK_CHUNKING = { isPkChunkingSupported: false }
/** From this version on job infos end with it. */
const PK_CHUNKING_SINCE = 61

function tail(apiVersion: number): Fields {
  return apiVersion >= PK_CHUNKING_SINCE ? PK_CHUNKING : {}
}

/** The answer to a create. */
export function created(apiVersion = 66, over: Fields = {}): Fields {
  return {
    ...head(apiVersion, 'Open'),
    contentUrl: `services/data/v${apiVersion}.0/${PATH}/batches`,
    ...{ lineEnding: 'LF', columnDelimiter: 'COMMA', ...over },
  }
}

/** The answer to a close or an abort. */
export function patched(state: string, apiVersion = 66, over: Fields = {}): Fields {
  return { ...head(apiVersion, state), ...tail(apiVersion), ...over }
}

/** The answer to a read of the job; `counters` and what else it has come in `over`. */
export function read(state: string, apiVersion = 66, over: Fields = {}): Fields {
  return {
    ...head(apiVersion, state),
    ...{ jobType: 'V2Ingest', lineEnding: 'LF', columnDelimiter: 'COMMA', ...over },
  }
}

/** The counters and times of a job that Salesforce works, or has worked, on. */
export function counters(processed: unknown, failed: unknown, apiVersion = 66): Fields {
  return {
    ...{ numberRecordsProcessed: processed, numberRecordsFailed: failed, retries: 0 },
    ...{ totalProcessingTime: 1286, apiActiveProcessingTime: 813, apexProcessingTime: 0 },
    ...tail(apiVersion),
  }
}

/** An error of the API: an array of one. */
export function fault(errorCode: string, message = 'No.'): object {
  return [{ errorCode, message }]
}

export const HTML = { 'content-type': 'text/html;charset=UTF-8' }
export const TEXT_CSV = { 'content-type': 'text/csv' }

/** The page that stands in for the API while an org is being looked after. */
export const MAINTENANCE_PAGE =
  '<!DOCTYPE html>\n<html><head><title>Scheduled Maintenance</title></head>' +
  '<body><h1>We are down for maintenance.</h1><p>Sorry for the inconvenience.</p></body></html>'

/** Rows of failedResults: each id with its error. */
export function failedRows(...rows: readonly (readonly [id: string, error: string])[]): string {
  const lines = rows.map(([id, error]) => `"","${error.replaceAll('"', '""')}","${id}"`)
  return ['"sf__Id","sf__Error",Id', ...lines, ''].join('\n')
}

/** Rows of successfulResults. */
export function successRows(...ids: readonly string[]): string {
  return ['"sf__Id","sf__Created",Id', ...ids.map((id) => `"${id}","false","${id}"`), ''].join('\n')
}
