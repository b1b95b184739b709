import type { DeletableObject } from '../../shared/contract/objects.ts'
import type { SourceText } from '../../shared/contract/sources/kind.ts'
import { BlockBuilder, type ScannedBlock } from './block.ts'
import { scanColumn, scanValues } from './column.ts'
import { formOf } from './form.ts'
import { readHead } from './head.ts'
import { scanTable } from './table.ts'

export interface ScanOptions {
  /** The object whose ids the source holds. */
  readonly object: DeletableObject
  /** Objects that may explain another key prefix; defaults to the built-in ones. */
  readonly known?: readonly DeletableObject[]
  /** Header of the Id column, if it is neither `Id` nor `<Object> ID`. */
  readonly column?: string | undefined
  /** Defaults to a plain text. */
  readonly text?: SourceText
}

/**
 * Reads the text of a source to its end. Every row becomes a canonical id or a refused row, in
 * source order. Rows are checked for form, checksum and key prefix; duplicates are kept.
 *
 * An error may come after blocks were returned, so nothing may be deleted before the end.
 *
 * @throws RefusedError EMPTY_SOURCE, NOT_TEXT, NO_ID_COLUMN, AMBIGUOUS_ID_COLUMN, LINE_TOO_LONG,
 *   BROKEN_CSV
 */
export async function* scan(
  source: AsyncIterable<Uint8Array>,
  options: ScanOptions,
): AsyncGenerator<ScannedBlock> {
  const { text } = options
  if (text?.layout === 'values') {
    yield* scanValues(source, text.firstLine, new BlockBuilder(options))
    return
  }
  const chunks = withoutEndMark(source)
  try {
    const head = await readHead(chunks, options.text)
    const form = formOf(head, options)
    const block = new BlockBuilder(options)
    const body = bodyOf(form.bytes, chunks)
    if (form.kind === 'column') yield* scanColumn(body, form.line, options, block)
    else yield* scanTable(body, form, options, block)
  } finally {
    await chunks.return(undefined)
  }
}

async function* bodyOf(
  first: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield first
  for (;;) {
    const next = await chunks.next()
    if (next.done === true) return
    yield next.value
  }
}

/** Ctrl-Z: DOS and CP/M programs end a text with one, or pad the last block with them. */
const END_MARK = 0x1a

/** Removes end marks from the end of a text; others are kept. */
async function* withoutEndMark(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held = 0
  for await (const chunk of chunks) {
    const end = chunk.findLastIndex((byte) => byte !== END_MARK) + 1
    if (end > 0 && held > 0) yield new Uint8Array(held).fill(END_MARK)
    held = chunk.length - end + (end > 0 ? 0 : held)
    if (end > 0) yield chunk.subarray(0, end)
  }
}
