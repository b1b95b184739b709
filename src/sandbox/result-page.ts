import { setImmediate as turn } from 'node:timers/promises'
import type { Org } from './org.ts'
import type { QueryJob } from './query-job.ts'
import { type FoundIds, fieldOf } from './records.ts'
import { refuse } from './reply.ts'

/** A page of a query's result. */
export class ResultPage {
  readonly #job: QueryJob
  readonly #found: FoundIds
  readonly #span: Span

  /**
   * @param query its locator, and how many rows are asked for
   * @param most rows of a page, however many are asked for
   */
  constructor(job: QueryJob, found: FoundIds, query: URLSearchParams, most: number) {
    const from = offsetOf(query.get('locator'), found.size)
    const to = Math.min(found.size, from + rowsOf(query.get('maxRecords'), most))
    this.#job = job
    this.#found = found
    this.#span = { from, to }
  }

  get rows(): number {
    return this.#span.to - this.#span.from
  }

  /** Of the next page, opaque to clients; null after the last one. */
  get locator(): string | null {
    const { to } = this.#span
    return to < this.#found.size ? Buffer.from(String(to)).toString('base64url') : null
  }

  csv(org: Pick<Org, 'find'>): AsyncGenerator<Uint8Array> {
    const { request, columns } = this.#job
    const lineEnd = request.lineEnding === 'CRLF' ? '\r\n' : '\n'
    return String(columns) === 'Id' && lineEnd === '\n'
      ? csvOfIds(this.#found, this.#span)
      : csvOfFields(this.#job, this.#found, this.#span, { org, lineEnd })
  }
}

/** Rows of a result: the first, and the one after the last. */
interface Span {
  readonly from: number
  readonly to: number
}

function offsetOf(locator: string | null, size: number): number {
  if (locator === null) return 0
  const offset = Number(Buffer.from(locator, 'base64url').toString('latin1') || 'none')
  if (Number.isSafeInteger(offset) && offset > 0 && offset < size) return offset
  return refuse(400, 'INVALID_QUERY_LOCATOR', `invalid query locator: ${locator}`)
}

function rowsOf(maxRecords: string | null, most: number): number {
  const rows = maxRecords === null ? most : Number(maxRecords)
  if (Number.isSafeInteger(rows) && rows > 0) return Math.min(rows, most)
  return refuse(400, 'API_ERROR', `maxRecords: expected a number above 0, got ${maxRecords}`)
}

async function* csvOfFields(
  { columns, startedAt = 0 }: QueryJob,
  found: FoundIds,
  { from, to }: Span,
  { org, lineEnd }: { readonly org: Pick<Org, 'find'>; readonly lineEnd: string },
): AsyncGenerator<Uint8Array> {
  const line = (values: readonly unknown[]) =>
    Buffer.from(values.map((value) => `"${value ?? ''}"`).join(',') + lineEnd)
  yield line(columns)
  for (let at = from; at < to; at++) {
    const id = found.id18(at)
    const isDeleted = org.find(found.at(at)) === 'recycled'
    yield line(columns.map((name) => fieldOf(id, name, isDeleted, startedAt)))
  }
}

/** Characters of one row: 18 in quotes, and a line feed. */
const ROW_BYTES = 21
const BLOCK_ROWS = 10_000
const QUOTE = 34
const LF = 10

/** One column of ids, by the million. */
async function* csvOfIds(found: FoundIds, { from, to }: Span): AsyncGenerator<Uint8Array> {
  yield Buffer.from('"Id"\n')
  for (let at = from; at < to; at += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, to - at)
    const bytes = Buffer.alloc(rows * ROW_BYTES, QUOTE)
    for (let n = 0; n < rows; n++) {
      found.write(at + n, bytes, n * ROW_BYTES + 1)
      bytes[(n + 1) * ROW_BYTES - 1] = LF
    }
    yield bytes
    await turn()
  }
}
