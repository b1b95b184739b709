import { pipeline, Readable } from 'node:stream'
import { parse } from 'fast-csv'
import { ExpungeError } from '../../shared/errors.ts'

/**
 * The result files of an ingest job, read as they arrive. Columns are found by name: the order is
 * not promised, and the echoed `Id` is the one to trust, for failures leave `sf__Id` empty (Bulk
 * API 2.0, Get Job Failed Record Results).
 */

/** A result file without the columns that the API promises. */
export class ResultFormatError extends ExpungeError {
  readonly code = 'RESULT_FORMAT'
  override readonly retryable = true
}

export interface FailedRow {
  readonly id: string
  readonly error: string
}

/** Rows are handed on by so many: a promise for each of millions of rows costs more than the rows. */
const ROWS_AT_ONCE = 1000

export async function* failedRows(
  csv: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly FailedRow[]> {
  for await (const rows of records(csv, ['Id', 'sf__Error'])) {
    yield rows.map(([id = '', error = '']) => ({ id, error }))
  }
}

export async function* succeededIds(
  csv: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly string[]> {
  for await (const rows of records(csv, ['Id'])) yield rows.map(([id = '']) => id)
}

/** The named columns of every record. An empty body, as of a 204, has none. */
async function* records(
  csv: AsyncIterable<Uint8Array>,
  columns: readonly string[],
): AsyncGenerator<readonly (readonly string[])[]> {
  const parser = parse<string[], string[]>({ headers: false, ignoreEmpty: true })
  // pipeline, not pipe: pipe would leave the loop below waiting for ever on a broken download.
  pipeline(Readable.from(csv, { objectMode: false }), parser, () => {})
  let at: readonly number[] | undefined
  let rows: string[][] = []
  for await (const row of parser as AsyncIterable<string[]>) {
    if (at === undefined) {
      at = positions(row, columns)
      continue
    }
    rows.push(at.map((index) => row[index] ?? ''))
    if (rows.length === ROWS_AT_ONCE) {
      yield rows
      rows = []
    }
  }
  if (rows.length > 0) yield rows
}

function positions(header: readonly string[], columns: readonly string[]): readonly number[] {
  return columns.map((column) => {
    const index = header.findIndex((name) => name.toLowerCase() === column.toLowerCase())
    if (index < 0) {
      throw new ResultFormatError(
        `A result file has no column ${column}, but ${header.map((name) => name.slice(0, 40)).join(', ')}.`,
      )
    }
    return index
  })
}
