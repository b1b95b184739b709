import { RefusedError } from '../../shared/base/errors.ts'
import { canonicalId, ID_LENGTH } from '../../shared/contract/record-id.ts'
import type { CsvRecord } from '../../shared/csv/record.ts'
import { brokenCsv, CSV_PROBLEMS } from './broken-csv.ts'
import type { TableForm } from './form.ts'
import { matchNames, repeatsHeader, type WantedColumn } from './header.ts'
import { trimmed } from './unseen.ts'

/**
 * Checks the rows of a table for signs that another table has begun: a different number of fields,
 * a second header, or ids that moved to another column. It cannot detect a second table that
 * differs only in column order, if both columns hold ids of the object and no header stands between
 * the tables.
 */
export class TableGuard {
  readonly #form: TableForm
  readonly #wanted: WantedColumn
  /** The object's key prefix. */
  readonly #prefix: Uint8Array
  /** Other columns in which ids of the object occurred, such as "Reports To". */
  readonly #references = new Set<number>()

  constructor(form: TableForm, wanted: WantedColumn) {
    this.#form = form
    this.#wanted = wanted
    this.#prefix = new TextEncoder().encode(wanted.object.prefix)
  }

  /** Index of the Id column. */
  get column(): number {
    return this.#form.column
  }

  /** @throws RefusedError BROKEN_CSV */
  assertWidth({ count }: CsvRecord, line: number): void {
    const { width } = this.#form
    if (count !== width) throw brokenCsv(line, otherWidth(count, width))
  }

  /**
   * Learns from a row whose id was taken.
   *
   * @throws RefusedError AMBIGUOUS_ID_COLUMN if there is no header to identify the Id column
   */
  learn(row: CsvRecord, line: number): void {
    const { column, header } = this.#form
    for (let at = 0; at < row.count; at++) {
      if (row.size(at) < ID_LENGTH || at === column || !this.#mayBeOwnId(row, at)) continue
      if (this.#references.has(at) || !this.#isOwnId(row.text(at))) continue
      if (header.length === 0) throw twoIdColumns(line, [column, at], this.#wanted.object.name)
      this.#references.add(at)
    }
  }

  /**
   * Checks a row whose id was refused.
   *
   * @throws RefusedError BROKEN_CSV
   */
  suspect(row: CsvRecord, line: number): void {
    const { column, header } = this.#form
    const cells = Array.from({ length: row.count }, (_, at) => row.text(at))
    if (matchNames(cells, this.#wanted).length > 0 || repeatsHeader(cells, header)) {
      throw brokenCsv(line, CSV_PROBLEMS['second header'])
    }
    const moved = cells.findIndex(
      (cell, at) => at !== column && !this.#references.has(at) && this.#isOwnId(cell),
    )
    if (moved >= 0) throw brokenCsv(line, movedColumn(moved, column, this.#wanted.object.name))
  }

  /** False for nearly every other field, without a string of it. */
  #mayBeOwnId(row: CsvRecord, at: number): boolean {
    return !isVisible(row.view.getUint8(row.start(at))) || row.fieldStartsWith(at, this.#prefix)
  }

  #isOwnId(cell: string): boolean {
    if (cell.length < ID_LENGTH) return false
    const text = trimmed(cell)
    return text.startsWith(this.#wanted.object.prefix) && canonicalId(text) !== undefined
  }
}

/** Any other byte may belong to a character that is removed around an id. */
const isVisible = (byte: number) => byte > 32 && byte < 127

function otherWidth(found: number, expected: number): string {
  const advice =
    found === 1 ? ' (if it is a line of text below a report, remove all of these lines)' : ''
  return `expected ${expected} fields as in the first row, got ${found}${advice}`
}

/** Columns are counted from 0 in the code and from 1 in messages. */
function movedColumn(found: number, expected: number, object: string): string {
  return `expected the id of a ${object} in column ${expected + 1}, got one in column ${found + 1}, where none was before`
}

/**
 * Without a header, only its ids identify the Id column. A second column of ids makes it ambiguous,
 * even far down: the first row may lack its own id and hold the id from "Reports To".
 */
function twoIdColumns(
  line: number,
  columns: readonly [number, number],
  object: string,
): RefusedError {
  const [first, second] = [Math.min(...columns) + 1, Math.max(...columns) + 1]
  return new RefusedError(
    'AMBIGUOUS_ID_COLUMN',
    `Line ${line}: columns ${first} and ${second} both contain ids of ${object}, and no header tells which ` +
      'one to use. Add a header line with Id above the right column.',
  )
}
