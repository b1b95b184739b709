import type { DeletableObject } from '../../shared/objects.ts'
import { BlockBuilder, type ScannedBlock } from './block.ts'
import { scanColumn } from './column.ts'
import { scanTable } from './csv.ts'
import { formOf } from './form.ts'
import { type Head, readHead } from './head.ts'

export interface ScanOptions {
  /** The object whose ids the source holds. */
  readonly object: DeletableObject
  /** Objects that may explain an id of another one; the built-in ones where absent. */
  readonly known?: readonly DeletableObject[]
  /** Header of the Id column, where it is neither `Id` nor `<Object> ID`. */
  readonly column?: string
}

/**
 * Reads the text of a source to its end: every row becomes a canonical id or a refused row, in the
 * source's order. Rows are checked for form, checksum and key prefix; duplicates stay.
 *
 * What throws may throw after blocks were handed out, so nothing may be deleted before the end.
 *
 * @throws RefusedError EMPTY_SOURCE, NOT_TEXT, NO_ID_COLUMN, AMBIGUOUS_ID_COLUMN, LINE_TOO_LONG,
 *   BROKEN_CSV
 */
export async function* scan(
  source: AsyncIterable<Uint8Array>,
  options: ScanOptions,
): AsyncGenerator<ScannedBlock> {
  const chunks = source[Symbol.asyncIterator]()
  try {
    const head = await readHead(chunks)
    const form = formOf(head, options)
    const block = new BlockBuilder(options)
    const body = bodyOf(head, form.start, chunks)
    if (form.kind === 'column') yield* scanColumn(body, form.line, options, block)
    else yield* scanTable(body, form, options, block)
  } finally {
    await chunks.return?.()
  }
}

async function* bodyOf(
  { bytes }: Head,
  start: number,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(start)
  for (;;) {
    const next = await chunks.next()
    if (next.done === true) return
    yield next.value
  }
}
