import { createReadStream } from 'node:fs'
import { ID_LENGTH } from '../shared/contract/record-id.ts'
import { BlockReader } from './block-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { suffixByte } from './id-number.ts'
import { DELIMITERS, type Job } from './job.ts'
import { permutation } from './permutation.ts'
import { ROWS_PER_BATCH } from './quota.ts'
import type { Upload } from './upload.ts'
import { DELETED, MALFORMED_ID, OBJECT, UNPROCESSED, VALUE, type Verdicts } from './verdicts.ts'

export type ResultKind = 'successfulResults' | 'failedResults' | 'unprocessedRecords'

interface ResultOptions {
  readonly shuffle: boolean
  readonly verdicts: Verdicts
}

const SELECTS: Readonly<Record<ResultKind, (verdict: number) => boolean>> = {
  successfulResults: (verdict) => verdict === DELETED,
  // A hidden verdict is above every visible one.
  failedResults: (verdict) => verdict > DELETED && verdict < 0x80,
  unprocessedRecords: (verdict) => verdict === UNPROCESSED,
}

/**
 * One result file of a terminal job, made while it is read from the upload and one byte a row. Rows
 * come in another order than they were sent in, because nobody may rely on it.
 */
export async function* resultFile(
  job: Job,
  kind: ResultKind,
  options: ResultOptions,
): AsyncGenerator<Uint8Array> {
  const { upload } = job
  if (kind === 'unprocessedRecords' && upload && job.rejectedWhole) {
    yield* createReadStream(upload.file)
    return
  }
  yield headerOf(job, kind)
  if (upload && upload.rows > 0) yield* rowsOf(job, upload, kind, options)
}

function headerOf({ request, upload }: Job, kind: ResultKind): Uint8Array {
  const own = upload?.header ? [upload.header] : []
  const columns = [...COLUMNS[kind], ...own]
  const line = columns.join(DELIMITERS[request.columnDelimiter])
  return Buffer.from(line === '' ? '' : line + lineEnd(request.lineEnding))
}

const COLUMNS: Readonly<Record<ResultKind, readonly string[]>> = {
  successfulResults: ['"sf__Id"', '"sf__Created"'],
  failedResults: ['"sf__Id"', '"sf__Error"'],
  unprocessedRecords: [],
}

const lineEnd = (ending: Job['request']['lineEnding']) => (ending === 'CRLF' ? '\r\n' : '\n')

async function* rowsOf(job: Job, upload: Upload, kind: ResultKind, options: ResultOptions) {
  const verdicts = job.verdicts
  const rowWriter = new RowWriter(job, kind, options.verdicts)
  const reader = await BlockReader.open(upload)
  try {
    const order = way(reader.blocks, upload.bytes, options)
    for (let turn = 0; turn < reader.blocks; turn++) {
      const block = order(turn)
      if (!someSelected(verdicts, block, upload, SELECTS[kind])) continue
      await reader.read(block)
      yield writeBlock(reader, verdicts, rowWriter, kind, options)
    }
  } finally {
    await reader.close()
  }
}

function way(length: number, seed: number, { shuffle }: ResultOptions) {
  return shuffle ? permutation(length, seed) : (index: number) => index
}

function someSelected(
  verdicts: Uint8Array,
  block: number,
  upload: Upload,
  selects: (verdict: number) => boolean,
): boolean {
  const first = block * ROWS_PER_BATCH
  return verdicts.subarray(first, Math.min(first + ROWS_PER_BATCH, upload.rows)).some(selects)
}

function writeBlock(
  reader: BlockReader,
  verdicts: Uint8Array,
  rows: RowWriter,
  kind: ResultKind,
  options: ResultOptions,
): Uint8Array {
  const selects = SELECTS[kind]
  const out = new ByteWriter(reader.rows * 64 + 1_024)
  const order = way(reader.rows, reader.firstRow + reader.bytes.length, options)
  for (let turn = 0; turn < reader.rows; turn++) {
    const row = order(turn)
    const verdict = verdicts[reader.firstRow + row] ?? UNPROCESSED
    if (selects(verdict)) rows.write(out, reader, row, verdict)
  }
  return out.finish()
}

const QUOTE = 34

/**
 * One row of a result file: `"<18-character id>","false","<value>"`, `"","<error>","<value>"`, or an
 * unprocessed row as it was uploaded.
 */
class RowWriter {
  readonly #kind: ResultKind
  readonly #between: Uint8Array
  readonly #created: Uint8Array
  readonly #lineEnd: Uint8Array
  readonly #end: Uint8Array
  readonly #errorOf: (verdict: number) => ErrorText

  constructor({ request }: Job, kind: ResultKind, verdicts: Verdicts) {
    const delimiter = DELIMITERS[request.columnDelimiter]
    this.#kind = kind
    this.#between = Buffer.from(`"${delimiter}"`)
    this.#created = Buffer.from(`"${delimiter}"false"${delimiter}"`)
    this.#lineEnd = Buffer.from(lineEnd(request.lineEnding))
    this.#end = Buffer.from(`"${lineEnd(request.lineEnding)}`)
    const texts: (ErrorText | undefined)[] = []
    this.#errorOf = (verdict) => {
      texts[verdict] ??= errorText(verdicts.text(verdict).replaceAll(OBJECT, request.object))
      return texts[verdict]
    }
  }

  write(out: ByteWriter, block: BlockReader, row: number, verdict: number): void {
    const start = block.starts[row] ?? 0
    const end = block.ends[row] ?? 0
    if (this.#kind === 'unprocessedRecords') {
      const quotes = block.bytes[start - 1] === QUOTE ? 1 : 0
      out.appendRange(block.bytes, start - quotes, end + quotes)
      out.append(this.#lineEnd)
      return
    }
    out.appendByte(QUOTE)
    if (this.#kind === 'successfulResults') {
      appendId18(out, block.bytes, start, end)
      out.append(this.#created)
    } else if (this.#kind === 'failedResults') {
      out.append(this.#between)
      for (const [at, part] of this.#errorOf(verdict).entries()) {
        if (at > 0) appendValue(out, block.bytes, start, end, verdict)
        out.append(part)
      }
      out.append(this.#between)
    }
    appendValue(out, block.bytes, start, end, verdict)
    out.append(this.#end)
  }
}

/** An error text, cut where the row's value stands in it. */
type ErrorText = readonly Uint8Array[]

const errorText = (text: string): ErrorText =>
  text
    .replaceAll('"', '""')
    .split(VALUE)
    .map((part) => Buffer.from(part))

/** The value of a deleted row, which is a well-formed id, in its long form. */
function appendId18(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.appendRange(bytes, start, end)
  if (end - start > ID_LENGTH) return
  for (let block = 0; block < 3; block++) out.appendByte(suffixByte(bytes, start, block))
}

/** The value as it was sent. Only one that is no id can hold quotes. */
function appendValue(
  out: ByteWriter,
  bytes: Uint8Array,
  start: number,
  end: number,
  verdict: number,
): void {
  if (verdict === MALFORMED_ID) {
    out.appendEscaped(bytes, start, end, bytes[start - 1] === QUOTE)
  } else out.appendRange(bytes, start, end)
}
