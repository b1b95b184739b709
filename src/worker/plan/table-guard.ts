import { RefusedError } from '../../shared/base/errors.ts'
import { canonicalId, ID_LENGTH } from '../../shared/contract/record-id.ts'
import { brokenCsv, CSV_PROBLEMS } from './broken-csv.ts'
import type { Row } from './first-row.ts'
import type { TableForm } from './form.ts'
import { matchNames, repeatsHeader, type WantedColumn } from './header.ts'
import { trimmed } from './unseen.ts'

/**
 * Looks at the rows of a table for signs that it is no longer the one its first row began: another
 * number of fields, a second header, ids that have moved to another column. Two tables whose columns
 * differ in order alone, both with ids of the object, without a header between them, look alike.
 */
export class TableGuard {
  readonly #form: TableForm
  readonly #wanted: WantedColumn
  /** Columns beside the Id column in which ids of the object have stood, such as "Reports To". */
  readonly #references = new Set<number>()

  constructor(form: TableForm, wanted: WantedColumn) {
    this.#form = form
    this.#wanted = wanted
  }

  /** Index of the Id column. */
  get column(): number {
    return this.#form.column
  }

  /** @throws RefusedError BROKEN_CSV */
  assertWidth({ count }: Row, line: number): void {
    const { width } = this.#form
    if (count !== width) throw brokenCsv(line, otherWidth(count, width))
  }

  /**
   * Learns from a row whose id was taken.
   *
   * @throws RefusedError AMBIGUOUS_ID_COLUMN where no header tells its id from the others
   */
  learn(row: Row, line: number): void {
    const { column, header } = this.#form
    for (let at = 0; at < row.count; at++) {
      if (row.size(at) < ID_LENGTH || at === column || this.#references.has(at)) continue
      if (!this.#isOwnId(row.text(at))) continue
      if (header.length === 0) throw twoIdColumns(line, [column, at], this.#wanted.object.name)
      this.#references.add(at)
    }
  }

  /**
   * Looks at a row whose id was refused.
   *
   * @throws RefusedError BROKEN_CSV
   */
  suspect(row: Row, line: number): void {
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

  #isOwnId(cell: string): boolean {
    if (cell.length < ID_LENGTH) return false
    const text = trimmed(cell)
    return text.startsWith(this.#wanted.object.prefix) && canonicalId(text) !== undefined
  }
}

function otherWidth(found: number, expected: number): string {
  const advice =
    found === 1 ? ' (if it is a line of text below a report, remove all of these lines)' : ''
  return `expected ${expected} fields as in the first row, got ${found}${advice}`
}

/** Columns are numbered from 0, and told from 1. */
function movedColumn(found: number, expected: number, object: string): string {
  return `expected the id of a ${object} in column ${expected + 1}, got one in column ${found + 1}, where none was before`
}

/**
 * Without a header nothing but its ids tells the Id column: a second column of them may be it as well,
 * however late it shows. The first row may lack its own id and have that of the person reported to.
 */
function twoIdColumns(
  line: number,
  columns: readonly [number, number],
  object: string,
): RefusedError {
  const [first, second] = [Math.min(...columns) + 1, Math.max(...columns) + 1]
  return new RefusedError(
    'AMBIGUOUS_ID_COLUMN',
    `Line ${line}: columns ${first} and ${second} both hold ids of a ${object}, and there is no header that says which ` +
      'of them is meant. Nothing was deleted. Write a header line above the rows, with Id over the column that is meant.',
  )
}
