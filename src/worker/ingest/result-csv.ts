import { ExpungeError } from '../../shared/base/errors.ts'
import { CsvReader } from '../../shared/csv/reader.ts'
import { type CsvRecord, LF } from '../../shared/csv/record.ts'
import { RowId } from './row-id.ts'
import { RowShapes } from './row-shapes.ts'

/**
 * Reads the result files of an ingest job as they arrive. Columns are found by name, because their
 * order is not guaranteed. The echoed `Id` is authoritative, because failures leave `sf__Id` empty
 * (Bulk API 2.0, Get Job Failed Record Results); `sf__Id` is used if `Id` is missing or empty. Up
 * to version 52, failures have no `sf__Id` at all. An empty body, such as that of a 204, has no
 * rows.
 */

/** A result file lacks columns that the API promises. */
export class ResultFormatError extends ExpungeError {
  readonly code = 'RESULT_FORMAT'
}

/** The column that only this kind of file has. */
type ToldColumn = 'sf__Error' | 'sf__Created'

interface Columns {
  readonly count: number
  readonly id: number
  /** -1 if the file has no such column. */
  readonly sfId: number
  readonly told: number
}

/** What to do with the rows. */
interface RowVisitor<T> {
  /** What the text of the `told` column says. Not called again for a text that repeats. */
  readonly read: (text: string) => T
  /** @param id the row's id in 18 characters, valid until the next row */
  readonly visit: (id: Buffer, told: T) => void
  /** Awaited regularly, so that what `visit` collects stays bounded. */
  readonly pause: () => Promise<void>
}

/**
 * Visits each row. Resolves with the number of rows that have no id, two ids, or another number of
 * fields than the header. Such rows were truncated or broken by a stray quote, so their content is
 * unreliable.
 *
 * @throws ResultFormatError if a column is missing
 */
export async function eachResult<T>(
  csv: AsyncIterable<Uint8Array>,
  told: ToldColumn,
  { read, visit, pause }: RowVisitor<T>,
): Promise<number> {
  const rows = new CsvReader({ delimiters: ',' })
  const shapes = new RowShapes<T>()
  const id = new RowId()
  const texts = new RecentTexts(read)
  let columns: Columns | undefined
  let unreadable = 0
  for await (const _ of rows.arrivals(csv)) {
    for (;;) {
      const shape = shapes.find(rows.view, rows.at, id)
      if (shape !== undefined) {
        rows.skipTo(rows.at + shape.row.byteLength)
        visit(id.bytes, shape.told)
        continue
      }
      if (!rows.next()) break
      const { record } = rows
      if (record.isEmpty) continue
      if (columns === undefined) columns = columnsOf(told, record)
      else if (!takeId(record, columns, id)) unreadable++
      else {
        const text = record.text(columns.told)
        const known = texts.find(text)
        // Learned only then: where each text is different, shapes would be made for nothing.
        if (known !== undefined) learn(shapes, record, columns, id, known.value)
        visit(id.bytes, (known ?? texts.add(text)).value)
      }
    }
    await pause()
  }
  return unreadable
}

/** False if the row names no record or two, or was truncated or broken. */
function takeId(record: CsvRecord, { count, id, sfId }: Columns, into: RowId): boolean {
  if (record.count !== count || record.problem?.kind === 'text behind quote') return false
  if (record.size(id) === 0) return into.takeField(record, sfId)
  return into.takeField(record, id) && (record.size(sfId) === 0 || into.isIn(record, sfId))
}

/** Remembers the row as a shape, if its ids have 18 characters and its end is certain. */
function learn<T>(
  shapes: RowShapes<T>,
  record: CsvRecord,
  columns: Columns,
  id: RowId,
  told: T,
): void {
  const fields = [columns.id, columns.sfId].filter((column) => record.size(column) > 0)
  const { row } = record
  if (row.at(-1) !== LF || !fields.every((column) => id.isField(record, column))) return
  const ids = [...new Set(fields.map((column) => record.offset(column)))]
  shapes.learn(
    row,
    ids.sort((a, b) => a - b),
    told,
  )
}

function columnsOf(told: ToldColumn, header: CsvRecord): Columns {
  const names = header.texts()
  const lower = names.map((name) => name.toLowerCase())
  const find = (column: string) => lower.indexOf(column.toLowerCase())
  const sfId = find('sf__Id')
  const id = find('Id') < 0 ? sfId : find('Id')
  const columns = { count: header.count, id, sfId, told: find(told) }
  if (columns.id < 0) throw missing('Id', names)
  if (columns.told < 0) throw missing(told, names)
  return columns
}

function missing(column: string, names: readonly string[]): ResultFormatError {
  // If the first row is not a header, it holds values that must not be logged.
  const shown = names.map((name) => (/^[a-z_]{1,40}$/i.test(name) ? name : '…'))
  return new ResultFormatError(`A result file has no column ${column}, but ${shown.join(', ')}.`)
}

/** Number of texts remembered: the rows of a job fail for a handful of reasons. */
const REMEMBERED = 8

interface Known<T> {
  readonly text: string
  readonly value: T
}

/** What the last few texts say, so that a text that repeats is read once. */
class RecentTexts<T> {
  readonly #read: (text: string) => T
  readonly #known: Known<T>[] = []
  #oldest = 0

  constructor(read: (text: string) => T) {
    this.#read = read
  }

  /** Undefined if the text is not one of the last few. */
  find(text: string): Known<T> | undefined {
    for (const known of this.#known) if (known.text === text) return known
    return undefined
  }

  add(text: string): Known<T> {
    const known = { text, value: this.#read(text) }
    this.#known[this.#oldest] = known
    this.#oldest = (this.#oldest + 1) % REMEMBERED
    return known
  }
}
