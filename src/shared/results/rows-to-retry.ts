import type { Readable } from 'node:stream'
import { ExpungeError } from '../base/errors.ts'
import type { Receipt } from '../contract/receipt.ts'
import { CsvReader } from '../csv/reader.ts'
import { openIntact } from './open.ts'
import type { ResultsReader } from './results-store.ts'

/** The receipt lists no such rows. */
export class NothingToRetryError extends ExpungeError {
  readonly code = 'NOTHING_TO_RETRY'
}

/** A result file is missing, or differs from the receipt. */
export class ResultFileLostError extends ExpungeError {
  readonly code = 'RESULT_FILE_LOST'
}

export const RETRY_KINDS = ['failed', 'unprocessed'] as const
type Kind = (typeof RETRY_KINDS)[number]

/** Which rows of an ended request to retry. */
interface Selection {
  /** Both if absent. */
  readonly only?: Kind | undefined
  /** Failed rows with one of these codes; all if absent. */
  readonly code?: readonly string[] | undefined
}

/**
 * The selected rows as a CSV of ids, from the result files of the receipt.
 *
 * @throws ResultFileLostError if a file is missing or was changed
 * @throws NothingToRetryError if no row is selected
 */
export async function* rowsToRetry(
  reader: ResultsReader,
  receipt: Receipt,
  selection: Selection,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from('Id\n')
  let rows = 0
  for (const kind of kindsOf(selection)) {
    const file = await opened(kind, reader, receipt)
    if (file === null) continue
    for await (const ids of idsIn(file, kind === 'failed' ? selection.code : undefined)) {
      rows += ids.length
      if (ids.length > 0) yield Buffer.from(`${ids.join('\n')}\n`)
    }
  }
  if (rows === 0) throw new NothingToRetryError(nothing(receipt, selection))
}

/** Only failed rows have codes. */
function kindsOf({ only, code }: Selection): readonly Kind[] {
  if (code !== undefined) return only === 'unprocessed' ? [] : ['failed']
  return only === undefined ? RETRY_KINDS : [only]
}

/** Null if the request has no such rows. */
async function opened(
  kind: Kind,
  reader: ResultsReader,
  receipt: Receipt,
): Promise<Readable | null> {
  const expected = receipt.outcome?.[kind] ?? 0
  if (expected === 0) return null
  const name = `${kind}.csv`
  const file = receipt.files.find((listed) => listed.name === name)
  const intact = file === undefined ? null : await openIntact(reader, receipt, file)
  if (intact !== null) return intact.stream()
  throw new ResultFileLostError(
    `${reader.folder(receipt)}/${name} does not have the ${expected} ${expected === 1 ? 'row' : 'rows'} that the ` +
      'receipt lists: it is missing or was changed. Nothing was retried. Use the results directory or bucket of the ' +
      'run or the workers (--results, EXPUNGE_RESULTS).',
  )
}

/** The ids of a result file, block by block: its first column, and its second the code. */
async function* idsIn(
  file: Readable,
  codes: readonly string[] | undefined,
): AsyncGenerator<readonly string[]> {
  const reader = new CsvReader({ delimiters: ',' })
  const { record } = reader
  let isHeader = true
  for await (const _ of reader.arrivals(file)) {
    const ids: string[] = []
    while (reader.next()) {
      const isWanted = !isHeader && (codes === undefined || codes.includes(record.text(1)))
      if (isWanted) ids.push(record.text(0))
      isHeader = false
    }
    yield ids
  }
}

function nothing({ id, failures }: Receipt, { only, code }: Selection): string {
  if (code !== undefined && only === 'unprocessed') {
    return 'Unprocessed rows have no code: leave out `only` or `code`.'
  }
  if (code !== undefined) {
    const known = Object.keys(failures)
    const names = known.length === 0 ? 'none failed' : `its codes are ${known.join(', ')}`
    return `No row of request ${id} failed with ${code.join(' or ')}: ${names}.`
  }
  return `No row of request ${id} is ${only ?? 'failed or unprocessed'}: there is nothing to retry.`
}
